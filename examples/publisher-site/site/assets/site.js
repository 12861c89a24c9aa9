// What a site's own script does: fills its share links, copies, asks for consent, tells of subscriptions.
// Only the lines with `tacita` have to do with Tacita; the share buttons need none.

const page = location.origin + location.pathname;
const title = document.querySelector("h1")?.textContent ?? "";
const values = { url: page, text: title, both: `${title} ${page}` };

for (const link of document.querySelectorAll("[data-share]")) {
  link.href = link.dataset.share.replace(/{(\w+)}/g, (_, slot) => encodeURIComponent(values[slot]));
  if (link.href.startsWith("http")) link.target = "_blank";
}

const on = (id, event, act) => document.getElementById(id)?.addEventListener(event, act);
on("copy", "click", async ({ currentTarget: { lastElementChild: label } }) => {
  await navigator.clipboard.writeText(page);
  label.textContent = "Copied";
});
on("native", "click", () => navigator.share?.({ title, url: page }).catch(() => {}));
const address = document.getElementById("address");
if (address) address.textContent = page;

on("subscribe", "submit", (event) => {
  event.preventDefault();
  document.getElementById("thanks").hidden = false;
  window.tacita?.conversion({ value: Number(new FormData(event.target).get("price")) });
});

// The consent dialogue: the answer is this site's to remember.
const dialogue = document.getElementById("consent");
const answered = localStorage.getItem("lantern-consent");
if (answered) window.tacita?.consent(answered);
else dialogue.hidden = false;
for (const button of document.querySelectorAll("[data-consent-answer]")) {
  button.addEventListener("click", () => {
    const answer = button.dataset.consentAnswer;
    localStorage.setItem("lantern-consent", answer);
    dialogue.hidden = true;
    window.tacita?.consent(answer);
  });
}

on("opt-out", "click", async () => {
  await window.tacita?.optOut();
  showLedger([]);
  showSharing([]);
});

// What the reader's own device says it has told, at the most.
function showLedger(lines) {
  const rows = lines.map(({ brand, epoch, spentMicro, boundMicro }) => {
    const row = document.createElement("p");
    const meter = document.createElement("meter");
    Object.assign(meter, { max: boundMicro, value: spentMicro });
    row.append(`Advertiser ${brand}, week ${epoch}: ε ${spentMicro / 1e6} of ${boundMicro / 1e6}`, meter);
    return row;
  });
  const ledger = document.getElementById("ledger");
  if (rows.length) ledger?.replaceChildren(...rows);
  else if (ledger) ledger.textContent = "Nothing, and nothing is stored.";
}

// Where the device remembers to have shared, for the question who shares only in private.
function showSharing(lines) {
  const day = (seconds) => new Date(seconds * 1000).toLocaleDateString();
  const words = { "private-only": "in private", "public-only": "in public", both: "both in private and in public" };
  const rows = lines.map(
    ({ from, to, profile }) => `From ${day(from)} to ${day(to - 1)} you shared ${words[profile]}.`,
  );
  const sharing = document.getElementById("sharing");
  if (sharing) sharing.textContent = rows.join(" ") || "Nothing.";
}

if (document.getElementById("ledger") && answered === "granted") {
  window.tacita?.ledger().then(showLedger);
  window.tacita?.sharing().then(showSharing);
}
