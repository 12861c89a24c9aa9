// One command: `node examples/publisher-site/run.mjs`. Builds what is not built yet, starts a collector, a relay and the site;
// Ctrl-C ends them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { findBinary, startDeployment } from "./deployment.mjs";
import { startSite } from "./server.mjs";

const folderOf = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const build = (command, words, cwd) => execFileSync(command, words, { cwd, stdio: "inherit" });
if (!findBinary()) build("cargo", ["build", "--release", "--package", "tacita-cli"], folderOf(""));
if (!existsSync(folderOf("web/sdk/dist/tacita.js"))) {
  if (!existsSync(folderOf("web/node_modules"))) build("npm", ["ci", "--ignore-scripts"], folderOf("web"));
  build("npm", ["run", "build"], folderOf("web"));
}

/** Which article was shared: a page counts by its path. */
const ARTICLES = ["night-ferry", "quiet-hours", "seed-library"].map((name) => `/articles/${name}`);

const PORT = Number(process.env.PORT ?? 8080);

const folder = mkdtempSync(`${tmpdir()}/tacita-site-`);
const deployment = await startDeployment({
  folder,
  ledgerBound: 100,
  links: `[[link]]\ncode = "ferry"\nto = "http://localhost:${PORT}/articles/night-ferry"\n`,
  campaigns: {
    spring: [
      ["arrivals", "--event", "arrival", "--epsilon", "3"],
      ["shares", "--event", "share", "--epsilon", "3"],
      ["articles", "--event", "content-share", "--epsilon", "3", "--dimension", `content=${ARTICLES},other`],
      ["subscriptions", "--event", "conversion", "--epsilon", "3"],
    ],
  },
});
const site = await startSite({
  port: PORT,
  relayUrl: deployment.relayUrl,
  embed: { ...deployment.embed, debug: "data-debug" },
});
console.log(`The site:           http://localhost:${PORT}/`);
console.log(`A short link of it: http://localhost:${PORT}/s/ferry`);
console.log(`The brand's report: ${deployment.reportCommand}`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    site.close();
    await deployment.stop();
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  });
}
