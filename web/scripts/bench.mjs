// `npm run bench`: µs per token for blind, finalize and seal, in Node and in Chromium, and the sizes. Prints a table, and writes
// target/bench.json in the form of `cargo xtask bench`.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const bundled = async (options) =>
  (await build({ bundle: true, minify: true, format: "esm", target: "es2022", write: false, ...options }))
    .outputFiles[0];

const source = (await bundled({ entryPoints: [at("scripts/bench-body.ts")] })).text;
const vector = JSON.parse(readFileSync(at("../spec/vectors/tokens.json"), "utf8")).vectors.at(-1);
const { measure } = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
const results = { [`node ${process.versions.node}`]: await measure(vector), ...(await inChromium()) };

const rows = [];
for (const [engine, { figures, page }] of Object.entries(results)) {
  for (const [name, figure] of Object.entries(figures)) rows.push(row(name, "us", figure, { engine, batch: 32 }));
  const parameters = { engine, tokens: page.tokens, longest_slice_ms: rounded(page.longest) };
  rows.push(row("main-thread", "ms", { value: page.busy, peers: {}, floor: null }, parameters));
}
const sizes = JSON.parse(readFileSync(at("target/sizes.json"), "utf8"));
rows.push(row("size/core", "bytes", { value: sizes.core, peers: {}, floor: null }, { compression: "gzip -9" }));
const peers = { "noble-curves": await withNoble(sizes) };
const parameters = {
  compression: "gzip -9",
  device: sizes.device,
  tokens: sizes.tokens,
  curve_of_noble: await sizeOfNoble(),
};
rows.push(row("size/tokens", "bytes", { value: sizes.lazy, peers, floor: null }, parameters));

writeFileSync(at("target/bench.json"), `${JSON.stringify(rows, null, 2)}\n`);
for (const { name, value, unit, ratio_to_floor, ratio_to_best_peer, parameters } of rows) {
  const ratios = [
    ratio_to_floor && `${ratio_to_floor.toFixed(2)} × the floor`,
    ratio_to_best_peer && `${ratio_to_best_peer.toFixed(2)} × noble`,
  ];
  const engine = parameters.engine ?? "";
  const slice = parameters.longest_slice_ms ? `longest slice ${parameters.longest_slice_ms} ms` : "";
  console.log(
    [name.padEnd(18), String(value).padStart(9), unit.padEnd(6), engine.padEnd(16), ...ratios, slice]
      .filter(Boolean)
      .join(" "),
  );
}

function row(name, unit, { value, peers, floor }, parameters) {
  const best = Math.min(...Object.values(peers));
  return {
    name: `web/${name}`,
    value: rounded(value),
    unit,
    floor: floor && rounded(floor),
    peers: Object.fromEntries(Object.entries(peers).map(([peer, figure]) => [peer, rounded(figure)])),
    ratio_to_floor: floor && value / floor,
    ratio_to_best_peer: Number.isFinite(best) ? value / best : null,
    parameters,
  };
}

function rounded(value) {
  return Math.round(value * 10) / 10;
}

/** noble's ristretto255 alone: the group, the derivation, the scalars. Nothing smaller of it has them. */
async function sizeOfNoble() {
  const contents = `import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
export const { Point } = ristretto255;
export const derive = ristretto255_hasher.deriveToCurve;`;
  return gzipped(await bundled({ stdin: { contents, resolveDir: at(".") } }));
}

/** What the lazy part would have if noble's group stood in the place of ours. */
async function withNoble(sizes) {
  const own = gzipped(await bundled({ entryPoints: [at("sdk/src/tokens/ristretto.ts")] }));
  return sizes.lazy - own + (await sizeOfNoble());
}

function gzipped(output) {
  return gzipSync(output.contents, { level: 9 }).length;
}

/** WebCrypto wants a secure origin: loopback is one. */
async function inChromium() {
  const { createServer } = await import("node:http");
  const { launchChromium } = await import("../tests/chromium.mjs");
  const server = createServer((request, response) => {
    const isModule = request.url === "/bench.js";
    const type = isModule ? "text/javascript" : "text/html";
    response.writeHead(200, { "content-type": type }).end(isModule ? source : "<!doctype html><title>bench</title>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const result = await page.evaluate(async (vector) => (await import("/bench.js")).measure(vector), vector);
    return { [`chromium ${browser.version()}`]: result };
  } finally {
    await browser.close();
    server.close();
  }
}
