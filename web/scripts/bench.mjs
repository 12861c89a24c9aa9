// `npm run bench`: µs per token for blind, finalize and seal, in Node and in Chromium, and the sizes, as lines of JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const { outputFiles } = await build({
  entryPoints: [at("scripts/bench-body.ts")],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const source = outputFiles[0].text;
const vector = JSON.parse(readFileSync(at("../spec/vectors/tokens.json"), "utf8")).vectors.at(-1);

const { measure } = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
const results = { node: await measure(vector), chromium: await inChromium() };
const sizes = JSON.parse(readFileSync(at("target/sizes.json"), "utf8"));

const lines = [];
for (const [runtime, figures] of Object.entries(results)) {
  for (const [name, value] of Object.entries(figures))
    lines.push({
      name: `web/${name}`,
      runtime,
      value: +value.toFixed(1),
      unit: name.endsWith("tasks") ? "tasks over 50 ms" : name.endsWith("total") ? "ms" : "us/token",
    });
}
lines.push(
  { name: "web/size/core", value: sizes.core, unit: "bytes gz" },
  { name: "web/size/tokens", value: sizes.lazy, unit: "bytes gz" },
);
for (const line of lines) console.log(JSON.stringify(line));
writeFileSync(at("target/bench.json"), JSON.stringify(lines, null, 2) + "\n");

/** WebCrypto wants a secure origin: loopback is one. */
async function inChromium() {
  const { createServer } = await import("node:http");
  const { chromium } = await import("playwright-core");
  const server = createServer((request, response) => {
    const isModule = request.url === "/bench.js";
    response
      .writeHead(200, { "content-type": isModule ? "text/javascript" : "text/html" })
      .end(isModule ? source : "<!doctype html><title>bench</title>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return await page.evaluate(async (vector) => (await import("/bench.js")).measure(vector), vector);
  } finally {
    await browser.close();
    server.close();
  }
}
