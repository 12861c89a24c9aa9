// Bundles the unit tests and runs them with Node's runner; says how it went on the last line.

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

process.chdir(new URL("..", import.meta.url).pathname);
const only = process.argv[2] ?? "";
const entryPoints = readdirSync("tests/unit")
  .filter((name) => name.endsWith(".test.ts") && name.includes(only))
  .map((name) => `tests/unit/${name}`);
rmSync("target/tests", { recursive: true, force: true });
await build({
  entryPoints,
  outdir: "target/tests",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  outExtension: { ".js": ".mjs" },
  sourcemap: "inline",
  logLevel: "warning",
});
const files = readdirSync("target/tests").map((name) => `target/tests/${name}`);
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...files], {
  stdio: "inherit",
});
console.log(status === 0 ? `web tests: all passed (${files.length} files)` : "web tests: FAILED");
process.exit(status ?? 1);
