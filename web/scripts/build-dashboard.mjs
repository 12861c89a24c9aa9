// Builds dashboard/dist: the page that `tacita collector` serves, with each file compressed beside it. Checks and prints the first load.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../dashboard/${path}`, import.meta.url));
const DIST = at("dist");

/** Bytes, gzipped, that a browser may have to fetch before the first page stands. */
const FIRST_LOAD = 150_000;

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST, { recursive: true });
const { metafile } = await build({
  entryPoints: { app: at("src/main.tsx"), style: at("src/style/index.css") },
  outdir: DIST,
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: "es2022",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  jsx: "automatic",
  jsxImportSource: "preact",
  define: { "process.env.NODE_ENV": '"production"' },
});

const outputs = Object.entries(metafile.outputs).map(([path, output]) => ({ name: path.split("/").at(-1), ...output }));
const named = (start) => outputs.find(({ name }) => name.startsWith(start)).name;
const [script, style] = [named("app-"), named("style-")];
const page = readFileSync(at("index.html"), "utf8")
  .replace("{{script}}", `/${script}`)
  .replace("{{style}}", `/${style}`);
writeFileSync(`${DIST}/index.html`, page);
writeFileSync(`${DIST}/mark.svg`, readFileSync(at("mark.svg")));

/** The entry and what it imports at once. */
function early(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const { path, kind } of outputs.find((output) => output.name === name)?.imports ?? [])
    if (kind === "import-statement") early(path.split("/").at(-1), seen);
  return seen;
}

const gzipped = {};
for (const name of readdirSync(DIST)) {
  const bytes = readFileSync(`${DIST}/${name}`);
  const gzip = gzipSync(bytes, { level: 9 });
  gzipped[name] = gzip.length;
  writeFileSync(`${DIST}/${name}.gz`, gzip);
  writeFileSync(`${DIST}/${name}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}
const first = ["index.html", style, "mark.svg", ...early(script)];
const total = first.reduce((sum, name) => sum + gzipped[name], 0);
for (const [name, bytes] of Object.entries(gzipped))
  console.log(`${name.padEnd(24)}${String(bytes).padStart(7)} bytes gz${first.includes(name) ? "" : " (when opened)"}`);
console.log(`dashboard, first load: ${total} bytes gz (limit ${FIRST_LOAD})`);
if (total > FIRST_LOAD) {
  console.error("the dashboard's first load is over its limit");
  process.exitCode = 1;
}
