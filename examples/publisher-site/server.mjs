// Serves the site, and passes to the relay what is the relay's, all on one origin: what a publisher's web server does.
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { extname, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const SITE = fileURLToPath(new URL("site", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** The policy that the SDK needs, and no more (spec/web.md). */
const policy = (relay) =>
  `default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' ${relay}; img-src 'self' data:; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types tacita`;

/**
 * Starts the site on `port`; `embed` fills the placeholders of its pages, and names the relay where it is another origin.
 * `extraPages` are pages by path. Resolves to the server.
 */
export function startSite({ port, relayUrl, embed, extraPages = {} }) {
  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url, "http://site");
    if (RELAYED.test(pathname)) return void forward(incoming, response, relayUrl);
    const page = extraPages[pathname];
    if (page) return void sendPage(response, page, embed, extname(pathname));
    const file = fileOf(pathname);
    if (!file) return void response.writeHead(404, { "content-type": "text/plain" }).end("not found");
    if (extname(file) === ".html") return void sendPage(response, composed(readFileSync(file, "utf8")), embed);
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve, reject) => server.once("error", reject).listen(port, () => resolve(server)));
}

/** A page of the site within its layout. */
function composed(page) {
  const part = (name) => readFileSync(`${SITE}/${name}.html`, "utf8");
  const [, title, body] = /^<title>(.*?)<\/title>\s*([\s\S]*)$/.exec(page);
  const filling = { title, page: body.trim().replace("{{share}}", () => part("share").trim()) };
  return part("layout").replace(/{{(title|page)}}/g, (_, name) => filling[name]);
}

function sendPage(response, page, embed, extension) {
  const filled = page.replace(/{{(\w+)}}/g, (_, name) => embed[name] ?? "");
  response
    .writeHead(200, {
      "content-type": TYPES[extension] ?? TYPES[".html"],
      "content-security-policy": policy(embed.relay ?? ""),
      "referrer-policy": "strict-origin-when-cross-origin",
    })
    .end(filled);
}

function fileOf(pathname) {
  const path = normalize(decodeURIComponent(pathname));
  // Parts of pages are no pages.
  if (/^\/(layout|share)(\.html)?$/.test(path)) return undefined;
  return [path, `${path}.html`, `${path}/index.html`]
    .map((candidate) => normalize(SITE + candidate))
    .find((file) => file.startsWith(SITE) && existsSync(file) && statSync(file).isFile());
}

/** What the relay serves: its calls, the SDK's files, short links (spec/relay.md §10). */
const RELAYED = /^\/(tacita\.v1\.|tacita[\w-]*\.js(on)?$|tacita\/|s\/)/;

/** The relay sits behind this server: visitors' pages call their own origin, and the relay is told the visitor's address. */
function forward(incoming, response, relayUrl) {
  const headers = { ...incoming.headers, "x-forwarded-for": incoming.socket.remoteAddress ?? "" };
  const upstream = request(relayUrl + incoming.url, { method: incoming.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  incoming.pipe(upstream);
}
