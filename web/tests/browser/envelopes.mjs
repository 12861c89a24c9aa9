// Reads what a page sends to the relay: the test's own look at the wire.

const ENVELOPE = 86;

/** The envelopes in the body of a `SubmitReports` request (one gRPC-Web frame; field 1, repeated bytes). */
export function envelopesIn(body) {
  const message = body.subarray(5);
  const envelopes = [];
  for (let at = 0; at < message.length; at += 2 + ENVELOPE) {
    if (message[at] !== 0x0a || message[at + 1] !== ENVELOPE) throw new Error("not an envelope of 86 bytes");
    envelopes.push(message.subarray(at + 2, at + 2 + ENVELOPE).toString("hex"));
  }
  return envelopes;
}

/** The nonce of an envelope: bytes 10 to 41. */
export const nonceOf = (envelope) => envelope.slice(20, 84);

/**
 * Collects the envelopes that reach a server, whichever page sent them: requests of a page that is gone are seen here
 * alone.
 */
export function tap(server) {
  const envelopes = [];
  server.on("request", (request) => {
    if (!request.url.endsWith("/SubmitReports")) return;
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => envelopes.push(...envelopesIn(Buffer.concat(parts))));
  });
  return envelopes;
}

/** Collects everything that a browser context sends to the relay. */
export function listen(context) {
  const calls = [];
  const envelopes = [];
  context.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (!pathname.startsWith("/tacita.v1.")) return;
    calls.push(pathname);
    if (pathname.endsWith("/SubmitReports")) envelopes.push(...envelopesIn(request.postDataBuffer()));
  });
  return { calls, envelopes };
}
