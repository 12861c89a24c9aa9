// Builds sdk/dist: ES modules for bundlers, and the script files that a page embeds. Checks and prints their sizes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const DIST = at("sdk/dist");
const isQuiet = process.argv.includes("--quiet");

/** Bytes, gzipped, that each part may have. The lazy parts are what a page loads when it is idle. */
const LIMITS = { core: 4_000, lazy: 22_000 };

const shared = { bundle: true, minify: true, target: "es2022", legalComments: "none", logLevel: "warning" };

/** The script entry loads chunks by script elements instead of import(). */
const scriptLoader = {
  name: "script-loader",
  setup: (build) =>
    build.onResolve({ filter: /\/load\.module\.js$/ }, () => ({ path: at("sdk/src/core/load.script.ts") })),
};

const script = async (name, entry, options = {}) => {
  const outfile = `${DIST}/${name}.js`;
  await build({ ...shared, entryPoints: [at(`sdk/src/${entry}`)], outfile, format: "iife", ...options });
  return outfile;
};

const integrity = (path) => `sha384-${createHash("sha384").update(readFileSync(path)).digest("base64")}`;

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST, { recursive: true });

await build({
  ...shared,
  entryPoints: { index: at("sdk/src/core/index.ts"), links: at("sdk/src/links.ts") },
  outdir: DIST,
  format: "esm",
  splitting: true,
  chunkNames: "chunk-[hash]",
});

const chunks = {};
for (const [name, entry] of [
  ["device", "device/index.ts"],
  ["tokens", "tokens/index.ts"],
  ["panel", "debug/panel.ts"],
]) {
  chunks[name] = await script(`tacita-${name}`, entry, { globalName: `tacita_${name}` });
}
const INTEGRITY = Object.fromEntries(Object.entries(chunks).map(([name, path]) => [name, integrity(path)]));
const core = await script("tacita", "core/script.ts", {
  plugins: [scriptLoader],
  define: { INTEGRITY: JSON.stringify(INTEGRITY) },
});
writeFileSync(
  `${DIST}/integrity.json`,
  JSON.stringify(
    {
      "tacita.js": integrity(core),
      ...Object.fromEntries(Object.entries(INTEGRITY).map(([name, hash]) => [`tacita-${name}.js`, hash])),
    },
    null,
    2,
  ) + "\n",
);

execFileSync(at("node_modules/.bin/tsc"), ["-p", at("sdk")], { stdio: "inherit" });

const gzipped = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const sizes = {
  core: gzipped(core),
  device: gzipped(chunks.device),
  tokens: gzipped(chunks.tokens),
  panel: gzipped(chunks.panel),
};
const measured = { ...sizes, lazy: sizes.device + sizes.tokens };
mkdirSync(at("target"), { recursive: true });
writeFileSync(at("target/sizes.json"), JSON.stringify(measured, null, 2) + "\n");
if (!isQuiet) {
  for (const [name, bytes] of Object.entries(measured))
    console.log(
      `${name.padEnd(8)}${String(bytes).padStart(7)} bytes gz${LIMITS[name] ? ` (limit ${LIMITS[name]})` : ""}`,
    );
}
const over = Object.entries(LIMITS).filter(([name, limit]) => measured[name] > limit);
for (const [name] of over) console.error(`${name} is over its limit`);
process.exitCode = over.length ? 1 : 0;
