// One command: `node examples/publisher-site/run.mjs`. Starts a collector, a relay and the site; Ctrl-C ends them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { startDeployment } from "./deployment.mjs";
import { startSite } from "./server.mjs";

const web = fileURLToPath(new URL("../../web", import.meta.url));
if (!existsSync(`${web}/sdk/dist/tacita.js`)) {
  if (!existsSync(`${web}/node_modules`)) execFileSync("npm", ["ci", "--ignore-scripts"], { cwd: web, stdio: "inherit" });
  execFileSync("npm", ["run", "build"], { cwd: web, stdio: "inherit" });
}

const folder = mkdtempSync(`${tmpdir()}/tacita-site-`);
const deployment = await startDeployment({
  folder,
  ledgerBound: 100,
  campaigns: {
    spring: [
      ["arrivals", "--event", "arrival", "--epsilon", "3"],
      ["shares", "--event", "share", "--epsilon", "3"],
      ["subscriptions", "--event", "conversion", "--epsilon", "3"],
    ],
  },
});
const port = Number(process.env.PORT ?? 8080);
const site = await startSite({
  port,
  relayUrl: deployment.relayUrl,
  embed: { publisher: deployment.publisher, key: deployment.signingKey, debug: "data-debug" },
});
console.log(`The site:           http://localhost:${port}/`);
console.log(`The brand's report: ${deployment.reportCommand}`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    site.close();
    await deployment.stop();
    rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  });
}
