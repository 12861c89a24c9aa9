// The debug panel: shows, on the page itself, each report before and after noise. Loaded only where a publisher asks
// for it.

import type { Trace } from "../device/context.js";

const STYLE = `
:host { all: initial; position: fixed; inset: auto 12px 12px auto; z-index: 2147483647; width: min(420px, calc(100vw - 24px)); }
section { font: 12px/1.45 system-ui, sans-serif; color: #1c1b22; background: #fff; border: 1px solid #c9c6d6; border-radius: 10px;
  box-shadow: 0 6px 24px #0003; overflow: hidden; }
summary { padding: 8px 12px; font-weight: 600; background: #f3f1fa; cursor: pointer; }
ol { list-style: none; margin: 0; padding: 0; max-height: 45vh; overflow: auto; }
li { padding: 7px 12px; border-top: 1px solid #eceaf3; }
.quiet { color: #625f70; } .trouble { color: #a11; }
dl { margin: 3px 0 0; display: grid; grid-template-columns: max-content 1fr; gap: 1px 10px; }
dt { color: #625f70; } dd { margin: 0; overflow-wrap: anywhere; } code { font-size: 11px; }
`;

const OUTCOMES = [
  "",
  "queued",
  "counted",
  "already counted",
  "wrong length",
  "unknown version",
  "wrong publisher",
  "unknown epoch",
  "closed epoch",
  "unauthentic",
  "spent",
  "unknown measure",
  "window too old",
  "window ahead",
  "invalid value",
];

/** Opens the panel; what it is told appears in it. */
export function openPanel(): (trace: Trace) => void {
  const host = document.createElement("tacita-debug");
  const root = host.attachShadow({ mode: "open" });
  // A constructed sheet: it needs no `style-src` of the page.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const list = element("ol");
  const details = element("details", element("summary", "Tacita: what leaves this device"), list);
  // On a phone it would hide the page.
  details.toggleAttribute("open", innerWidth >= 600);
  root.append(element("section", details));
  document.body.append(host);

  const noise = new Map<string, HTMLElement>();
  const add = (kind: string, ...content: (Node | string)[]) => {
    const item = element("li", ...content);
    item.className = kind;
    list.append(item);
    list.scrollTop = list.scrollHeight;
  };
  return (trace) => {
    switch (trace.what) {
      case "arrived":
        return add("quiet", `Arrived by ${trace.channel}, evidence: ${trace.grade}. Stays here.`);
      case "answered": {
        const after = element("dd", "…");
        noise.set(trace.slot, after);
        const before = trace.exhausted ? "none (the budget is spent)" : trace.value;
        return add(
          "report",
          element("strong", trace.measure),
          element("dl", element("dt", "before noise"), element("dd", before), element("dt", "after noise"), after),
        );
      }
      case "randomized":
        return noise
          .get(trace.slot)
          ?.replaceChildren(trace.cells.join(", ") || "a point of many values", " ", element("code", trace.bytes));
      case "tokens":
        return add("quiet", `${trace.count} blinded tokens fetched and verified.`);
      case "sealed":
        return add("quiet", `${trace.count} sealed under a token each.`);
      case "left":
        return add("quiet", `${trace.count} sent with the page's end.`);
      case "answer":
        return add(
          "quiet",
          `The relay says: ${trace.outcomes.map((outcome) => OUTCOMES[outcome] ?? outcome).join(", ")}.`,
        );
      case "trouble":
        return add("trouble", "The relay did not take it; it is kept and sent again.");
    }
  };
}

function element(name: string, ...content: (Node | string)[]): HTMLElement {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}
