// Writes dashboard/src/wire/*_pb.ts from proto/. With --check, only says whether they are of the present proto/.
//
// buf and its plugin weigh 130 MB and are needed only when proto/ changes, so they are fetched then and not with `npm ci`.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const PROTO = at("../proto");
const OUT = "dashboard/src/wire";
const FILES = ["tacita/v1/manifest", "tacita/v1/reporting"];
const TOOLS = ["@bufbuild/buf@1.75.0", "@bufbuild/protoc-gen-es@2.17.0"];

const generated = (file) => at(`${OUT}/${file}_pb.ts`);
const stamp = (file) =>
  `// proto/${file}.proto, SHA-256 ${createHash("sha256")
    .update(readFileSync(`${PROTO}/${file}.proto`))
    .digest("hex")}\n`;

if (process.argv.includes("--check")) {
  const stale = FILES.filter((file) => !readFileSync(generated(file), "utf8").startsWith(stamp(file)));
  for (const file of stale)
    console.error(`${OUT}/${file}_pb.ts is not of the present proto/${file}.proto: npm run generate`);
  process.exit(stale.length ? 1 : 0);
}

const plugin = { local: "protoc-gen-es", out: at(OUT), opt: ["target=ts", "import_extension=js"] };
const template = JSON.stringify({ version: "v2", plugins: [plugin] });
const paths = FILES.flatMap((file) => ["--path", `${PROTO}/${file}.proto`]);
const packages = TOOLS.flatMap((tool) => ["--package", tool]);
execFileSync("npx", ["--yes", ...packages, "--", "buf", "generate", PROTO, "--template", template, ...paths], {
  cwd: at("."),
  stdio: "inherit",
});
for (const file of FILES) writeFileSync(generated(file), stamp(file) + readFileSync(generated(file), "utf8"));
