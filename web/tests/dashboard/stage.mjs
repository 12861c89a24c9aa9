// The stage of the dashboard's tests: Chromium, a real collector that serves the page, and a season of made-up reports in it.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { freePort, tacitaBinary } from "../../../examples/publisher-site/deployment.mjs";
import { launchChromium } from "../chromium.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** How long anything may take on a slow, loaded machine, in milliseconds. */
export const PATIENCE = Number(process.env.TACITA_TEST_PATIENCE ?? 60_000);

export const SCREENS = at("../../target/screens/dashboard");

const CHANNELS =
  "whatsapp,messenger,telegram,signal,sms,email,copy,slack,facebook,x,linkedin,search,ai-assistant,referral,inferred,direct,other";
const TARGETS = "whatsapp,messenger,telegram,signal,sms,email,copy,facebook,x,linkedin,other";
const GRADES = "confirmed,declared,app,referrer,inferred,direct";
/** A cohort is never one person: it declares how many it has. */
const SQUADS = ["1=900", "2=700", "3=400"].flatMap((squad) => ["--cohort", squad]);
const MEASURES = {
  arrivals: ["--event", "arrival", "--epsilon", "3", "--dimension", `channel=${CHANNELS}`],
  grades: [
    "--event",
    "arrival",
    "--epsilon",
    "4",
    "--dimension",
    `channel=${CHANNELS}`,
    "--dimension",
    `grade=${GRADES}`,
  ],
  generations: ["--event", "arrival", "--epsilon", "3", "--dimension", "generation=0,1,2,3,4"],
  squads: ["--event", "arrival", "--epsilon", "2", "--dimension", "cohort=0,1,2,3", ...SQUADS, "--reports", "20000"],
  shares: ["--event", "share", "--epsilon", "4", "--dimension", `channel=${TARGETS}`],
  reshares: ["--event", "share", "--epsilon", "4", "--dimension", "generation=0,1,2,3,4"],
  conversions: [
    "--event",
    "conversion",
    "--epsilon",
    "4",
    "--dimension",
    "channel=whatsapp,messenger,telegram,sms,copy,signal,unattributed,other",
  ],
  values: ["--event", "conversion", "--epsilon", "4", "--dimension", "value=0..20,20..40,40.."],
  devices: ["--event", "reach", "--epsilon", "3", "--dimension", `channel=${CHANNELS}`],
  sharers: ["--event", "sharer-profile", "--epsilon", "3", "--window", "7d"],
};
/** How many reports a publisher made up, beside few that are honest. */
const [FORGED, HONEST] = [1_000, 100];
/** Of a campaign whose policy shows a window from 340 reports on: not every day has so many visits, and none so many shares. */
const QUIET = 340;
const QUIET_MEASURES = { visits: MEASURES.arrivals, passed: MEASURES.shares };
const CONTENTS = [
  "/travel/night-ferry",
  "/food/ten-soups",
  "/science/comet-returns",
  "/culture/seed-library",
  "/politics/budget-explained",
  "/sport/the-last-final",
  "/health/sleep-and-light",
  "/travel/slow-trains",
  "/food/bread-without-kneading",
  "/culture/festival-of-quiet",
  "/science/how-deep-is-the-sea",
  "/opinion/in-praise-of-letters",
];

/** The season's binary stands beside tacita's. */
function seasonBinary() {
  const beside = `${dirname(tacitaBinary())}/example-season`;
  if (!existsSync(beside))
    throw new Error(`no ${beside}: run \`cargo build -p example-season\`, with --release if tacita was built so`);
  return beside;
}

/** The service's client as the dashboard has it, for what the page shows to be checked against. */
async function serviceClient(folder, url, key) {
  const outfile = `${folder}/client.mjs`;
  const stdin = {
    contents:
      'export { reportingAt } from "./wire/client.js"; export * as wire from "./wire/tacita/v1/reporting_pb.js"; export { toJson, create } from "@bufbuild/protobuf";',
    resolveDir: at("../../dashboard/src"),
  };
  await build({ stdin, outfile, bundle: true, platform: "node", format: "esm", logLevel: "warning" });
  const { reportingAt, ...rest } = await import(outfile);
  return { service: reportingAt(url, key), ...rest };
}

/** The server, to be stopped and started again on the same port and data. */
class Collector {
  #child;
  #starts = 0;

  constructor(folder, port) {
    this.folder = folder;
    this.port = port;
    this.log = `${folder}/collector.log`;
  }

  /** As an operator runs it, unless told otherwise: how old a report may be, and how long tallies are kept. */
  async start({ maxAge = "2days", tallies = "1000days" } = {}) {
    const { folder, port, log } = this;
    writeFileSync(
      `${folder}/collector.toml`,
      `[device]
token-batch = 128
[policy]
reports-per-window = 1
[windows]
max-age = ${JSON.stringify(maxAge)}
[alerts]
step = "2s"
loopback-webhooks = true
[retention]
tallies = ${JSON.stringify(tallies)}
`,
    );
    const words = [
      "collector",
      "--listen",
      `127.0.0.1:${port}`,
      "--data",
      `${folder}/data`,
      "--config",
      `${folder}/collector.toml`,
    ];
    this.#child = spawn(tacitaBinary(), words, { stdio: ["ignore", "ignore", openSync(log, "a")] });
    this.#starts++;
    for (let waited = 0; readFileSync(log, "utf8").split(" on http://").length - 1 < this.#starts; waited += 50) {
      if (waited > PATIENCE || this.#child.exitCode !== null)
        throw new Error(`the collector did not start:\n${readFileSync(log, "utf8")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop() {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
}

/**
 * Sends visitors by one channel until the collector has found that it surges. It looks every two seconds; what it has when it starts is
 * what it expects.
 */
const plantSurge = (season, service) => async (channel) => {
  const found = async () =>
    (await service.listAlerts({ campaign: "acme/spring" })).alerts.some(({ label }) => label === channel);
  for (const end = Date.now() + PATIENCE; !(await found()); ) {
    if (Date.now() > end) throw new Error(`the collector found no surge of ${channel}`);
    season("--days", "1", "--sessions", "0", "--surge", `${channel}=120`);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
};

export async function setStage({ days = 60, sessions = 400 } = {}) {
  const folder = mkdtempSync(`${tmpdir()}/tacita-dashboard-`);
  mkdirSync(SCREENS, { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const collector = new Collector(folder, port);
  // A season is of windows long past; afterwards the collector is as an operator runs it, and those windows are settled.
  await collector.start({ maxAge: "400days" });
  if ((await (await fetch(url)).text()) !== readFileSync(at("../../dashboard/dist/index.html"), "utf8")) {
    await collector.stop();
    throw new Error(`${tacitaBinary()} has another dashboard than dashboard/dist, or none: cargo build again`);
  }
  const admin = (...words) =>
    execFileSync(tacitaBinary(), ["admin", "--collector", url, "--key-file", `${folder}/data/operator.key`, ...words], {
      encoding: "utf8",
    }).trim();
  admin("publisher", "create", "daily-news");
  admin("publisher", "create", "weekly-post");
  admin("brand", "create", "acme");
  admin("brand", "create", "globex");
  for (const campaign of ["acme/spring", "acme/autumn", "globex/launch"])
    admin("campaign", "create", campaign, "--publisher", "daily-news");
  admin("campaign", "create", "acme/quiet", "--publisher", "daily-news", "--reports-per-window", String(QUIET));
  admin("campaign", "create", "acme/doubtful", "--publisher", "weekly-post");
  admin("measure", "create", "acme/doubtful", "visits", ...MEASURES.arrivals);
  for (const [name, words] of Object.entries(MEASURES)) admin("measure", "create", "acme/spring", name, ...words);
  for (const [name, words] of Object.entries(QUIET_MEASURES)) admin("measure", "create", "acme/quiet", name, ...words);
  writeFileSync(`${folder}/contents.txt`, CONTENTS.join("\n"));
  admin(
    "measure",
    "create",
    "acme/spring",
    "articles",
    "--event",
    "content-share",
    "--epsilon",
    "4",
    "--catalogue",
    `${folder}/contents.txt`,
    "--tail",
    "4",
  );
  const [publisherKey, forgerKey, key, otherKey] = [
    ["publisher", "daily-news"],
    ["publisher", "weekly-post"],
    ["brand", "acme"],
    ["brand", "globex"],
  ].map(([role, subject]) => admin("key", "create", "--role", role, "--subject", subject).split("\n").at(-1).trim());

  const seasonOf =
    (publisher, key) =>
    (...words) =>
      execFileSync(
        seasonBinary(),
        ["--collector", url, "--publisher", publisher, "--contents", `${folder}/contents.txt`, ...words],
        { encoding: "utf8", env: { ...process.env, TACITA_KEY: key } },
      );
  const season = seasonOf("1", publisherKey);
  console.log(season("--days", String(days), "--sessions", String(sessions)).trim());
  seasonOf("2", forgerKey)("--days", "1", "--sessions", String(HONEST), "--forged", `sms=${FORGED}`);
  await collector.stop();
  await collector.start();
  const client = await serviceClient(folder, url, key);
  const surge = plantSurge(season, client.service);
  await surge("whatsapp");
  const today = Math.floor(Date.now() / 86_400_000) * 86_400;
  await client.service.declareCampaign({
    campaign: "acme/spring",
    declaration: {
      market: "France",
      currency: "EUR",
      costs: [{ range: { from: BigInt(today - 59 * 86_400), to: BigInt(today + 86_400) }, amount: 9_000 }],
      bucketValues: [
        { bucket: "0..20", value: 15 },
        { bucket: "20..40", value: 30 },
        { bucket: "40..", value: 50 },
      ],
      categories: ["travel", "food", "science", "culture"].map((name) => ({
        name,
        contents: CONTENTS.filter((content) => content.startsWith(`/${name}/`)),
      })),
      webhooks: [{ url: "https://hooks.acme.example/tacita" }],
    },
  });

  const browser = await launchChromium();
  return {
    url,
    key,
    otherKey,
    client,
    browser,
    collector,
    surge,
    /** More of the same, today. */
    more: (sessions) => season("--days", "1", "--sessions", String(sessions), "--seed", "9"),
    async strike() {
      await browser.close();
      await collector.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
