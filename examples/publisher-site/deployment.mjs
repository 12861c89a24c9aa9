// Starts a collector and a relay from the `tacita` binary, with a publisher, a brand and a campaign `acme/spring`.
// The example runs on it, and so do the browser tests of web/: the same processes that an operator and a publisher run.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const SDK = fileURLToPath(new URL("../../web/sdk/dist", import.meta.url));
const BUILDS = ["release", "debug"].map((profile) => `${TARGET}/${profile}/tacita`);

/** $TACITA_BIN, or what cargo built last; undefined if there is neither. */
export function findBinary() {
  const built = BUILDS.filter((path) => existsSync(path));
  return process.env.TACITA_BIN ?? built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

export function tacitaBinary() {
  const found = findBinary();
  if (!found) throw new Error("no tacita binary: run `cargo build --release`, or name one in TACITA_BIN");
  return found;
}

export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer()
      .once("error", reject)
      .listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => resolve(port));
      });
  });

/** A server process that can be killed and started again. */
class Server {
  #child;
  #starts = 0;

  constructor(args, log) {
    this.args = args;
    this.log = log;
  }

  async start() {
    const log = openSync(this.log, "a");
    this.#child = spawn(tacitaBinary(), this.args, { stdio: ["ignore", "ignore", log] });
    this.#starts++;
    for (let waited = 0; !this.#says(" on http://"); waited += 20) {
      if (waited > 60_000 || this.#child.exitCode !== null)
        throw new Error(`tacita ${this.args[0]} did not start:\n${readFileSync(this.log, "utf8")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #says(text) {
    return readFileSync(this.log, "utf8").split(text).length - 1 >= this.#starts;
  }

  /** kill -9, unless another signal is named; resolves when the process is gone. */
  async kill(signal = "SIGKILL") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }
}

/**
 * Starts both servers with state in `folder`. `campaigns` are argument lists of `tacita admin measure create acme/NAME`, by
 * the campaign's name; `origins` are pages of other origins that may call the relay, `links` its short links (links.toml).
 */
export async function startDeployment({
  folder,
  campaigns,
  tokenBatch = 32,
  ledgerBound = 8,
  epsilonCeiling = 6,
  ahead = "1h",
  batchAge = "1s",
  origins = [],
  links = "",
}) {
  mkdirSync(folder, { recursive: true });
  const [collectorPort, relayPort] = [await freePort(), await freePort()];
  const collectorUrl = `http://127.0.0.1:${collectorPort}`;
  writeFileSync(
    `${folder}/collector.toml`,
    `[device]
token-batch = ${tokenBatch}
ledger-bound = ${ledgerBound.toFixed(1)}
[policy]
reports-per-window = 1
report-epsilon = ${epsilonCeiling.toFixed(1)}
[windows]
ahead = ${JSON.stringify(ahead)}
`,
  );
  const collector = new Server(
    [
      "collector",
      "--listen",
      `127.0.0.1:${collectorPort}`,
      "--data",
      `${folder}/collector`,
      "--config",
      `${folder}/collector.toml`,
    ],
    `${folder}/collector.log`,
  );
  await collector.start();

  const run = (...args) => execFileSync(tacitaBinary(), args, { encoding: "utf8" });
  const admin = (...words) =>
    run("admin", "--collector", collectorUrl, "--key-file", `${folder}/collector/operator.key`, ...words);
  admin("publisher", "create", "daily-news");
  admin("brand", "create", "acme");
  for (const [campaign, measures] of Object.entries(campaigns)) {
    admin("campaign", "create", `acme/${campaign}`, "--publisher", "daily-news");
    for (const measure of measures) admin("measure", "create", `acme/${campaign}`, ...measure);
  }
  writeFileSync(`${folder}/relay.key`, admin("key", "create", "--role", "publisher", "--subject", "daily-news"), {
    mode: 0o600,
  });
  writeFileSync(`${folder}/brand.key`, admin("key", "create", "--role", "brand", "--subject", "acme"), { mode: 0o600 });
  const status = () => run("status", "--collector", collectorUrl, "--key-file", `${folder}/collector/operator.key`);
  const [, signingKey] = /^signing key\s+(\S+)/m.exec(status());

  const quoted = JSON.stringify;
  writeFileSync(`${folder}/links.toml`, links);
  writeFileSync(
    `${folder}/relay.toml`,
    `publisher = 1
sdk = ${quoted(SDK)}
links = ${quoted(`${folder}/links.toml`)}
trusted-proxies = ["127.0.0.1"]
allowed-origins = [${origins.map(quoted).join(", ")}]
[batch]
least = 200
age = ${quoted(batchAge)}
[visitor]
tokens = 100000
envelopes = 400000
`,
  );
  const relay = new Server(
    [
      "relay",
      "--listen",
      `127.0.0.1:${relayPort}`,
      "--collector",
      collectorUrl,
      "--signing-key",
      signingKey,
      "--data",
      `${folder}/relay`,
      "--config",
      `${folder}/relay.toml`,
      "--key-file",
      `${folder}/relay.key`,
    ],
    `${folder}/relay.log`,
  );
  await relay.start();

  const relayUrl = `http://127.0.0.1:${relayPort}`;
  const { files } = await (await fetch(`${relayUrl}/tacita.json`)).json();
  const { url: script, integrity } = files["tacita.js"];
  return {
    collector,
    relay,
    collectorUrl,
    relayUrl,
    /** What a page's embed code says: the publisher, the key that it pins, where the SDK's build is, and its hash. */
    embed: { publisher: 1, key: signingKey, script, integrity },
    reportCommand: `${tacitaBinary()} report --collector ${collectorUrl} --key-file ${folder}/brand.key acme/spring`,
    /** The brand's report of a campaign, a `QueryResponse`, read as the brand does; `words` go to `tacita report`. */
    report: (campaign, ...words) =>
      JSON.parse(
        run(
          "report",
          "--collector",
          collectorUrl,
          "--key-file",
          `${folder}/brand.key`,
          "--json",
          `acme/${campaign}`,
          ...words,
        ),
      ),
    status,
    async stop() {
      await relay.kill("SIGTERM");
      await collector.kill("SIGTERM");
    },
  };
}
