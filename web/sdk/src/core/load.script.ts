// Loads chunks beside the script file, each checked against the hash that the build put here: the integrity of
// `tacita.js` covers them all.

declare const INTEGRITY: Record<string, string>;

const own = document.currentScript as HTMLScriptElement | null;

type ScriptUrls = { createScriptURL(url: string): string };
type TrustedTypes = { createPolicy(name: string, rules: ScriptUrls): ScriptUrls };

/** Passes an address where a page enforces Trusted Types; a page that does not, or allows no policy of ours, takes a text. */
function trustedTypes(): ScriptUrls {
  const rules = { createScriptURL: (url: string) => url };
  try {
    return (window as { trustedTypes?: TrustedTypes }).trustedTypes!.createPolicy("tacita", rules);
  } catch {
    return rules;
  }
}

let policy: ScriptUrls | undefined;

function load<Chunk>(name: string): Promise<Chunk> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    policy ??= trustedTypes();
    script.src = policy.createScriptURL(new URL(`tacita-${name}.js`, own?.src).href);
    script.integrity = INTEGRITY[name]!;
    script.crossOrigin = "anonymous";
    script.nonce = own?.nonce ?? "";
    script.onload = () => resolve((window as unknown as Record<string, Chunk>)[`tacita_${name}`]!);
    script.onerror = reject;
    document.head.append(script);
  });
}

export const loadDevice = () => load<typeof import("../device/index.js")>("device");
export const loadTokens = () => load<typeof import("../tokens/index.js")>("tokens");
export const loadPanel = () => load<typeof import("../debug/panel.js")>("panel");
