// gRPC-Web to the publisher's relay: four unary calls (proto/tacita/v1), without cookies, referrer or cache.

import { type Bytes, concat, u32 } from "../bytes.js";
import type { SignedManifest } from "../protocol/manifest.js";
import { type Fields, numbersOf, oneOf, readFields, writeField } from "../protocol/protobuf.js";

/** The epoch that tokens were asked for is not active. */
export const FAILED_PRECONDITION = 9;

/** A call that was not answered with OK; `status` is gRPC's, or undefined if no answer came. */
export class CallError extends Error {
  constructor(readonly status?: number) {
    super("call");
  }
}

export interface Transport {
  manifest(publisher: number): Promise<SignedManifest>;
  /** The bytes of the catalogue with this digest, unverified. */
  catalogue(publisher: number, digest: Bytes): Promise<Bytes>;
  issue(publisher: number, epoch: number, request: Bytes): Promise<Bytes>;
  /** One outcome number for each envelope. */
  submit(envelopes: readonly Bytes[]): Promise<number[]>;
  /** Sends without waiting for the answer, in a request that outlives the page. */
  submitAndLeave(envelopes: readonly Bytes[]): void;
}

export function relayTransport(relay: string): Transport {
  const post = (method: string, request: RequestInit) =>
    fetch(`${relay}/tacita.v1.${method}`, {
      method: "POST",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      ...request,
    });
  const call = async (method: string, ...fields: Bytes[]): Promise<Fields> => {
    const response = await post(method, { headers: GRPC_WEB, body: frameOf(fields) }).catch(() => {
      throw new CallError();
    });
    return readFields(messageOf(response, new Uint8Array(await response.arrayBuffer())));
  };
  const submission = (envelopes: readonly Bytes[]) => envelopes.map((envelope) => writeField(1, envelope));
  return {
    async manifest(publisher) {
      const signed = readFields(oneOf(await call("ManifestService/GetManifest", writeField(1, publisher)), 1));
      return { manifest: oneOf(signed, 1), signature: oneOf(signed, 2) };
    },
    async catalogue(publisher, digest) {
      return oneOf(await call("ManifestService/GetCatalogue", writeField(1, publisher), writeField(2, digest)), 1);
    },
    async issue(publisher, epoch, request) {
      const fields = [writeField(1, publisher), writeField(2, epoch), writeField(3, request)];
      return oneOf(await call("TokenService/IssueTokens", ...fields), 1);
    },
    async submit(envelopes) {
      return numbersOf(await call("CollectionService/SubmitReports", ...submission(envelopes)), 1);
    },
    submitAndLeave(envelopes) {
      const frame = frameOf(submission(envelopes));
      const isOwn = new URL(relay).origin === location.origin;
      // Before it calls another origin with a type of its own a browser asks leave, and waits for the answer: a page
      // that is gone cannot. Text needs no leave.
      const request = isOwn ? { headers: GRPC_WEB, body: frame } : { body: btoa(String.fromCharCode(...frame)) };
      post("CollectionService/SubmitReports", { ...request, keepalive: true }).catch(() => {});
    },
  };
}

const GRPC_WEB = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" };

/** The one message of a request, in its frame. */
function frameOf(fields: readonly Bytes[]): Bytes {
  const message = concat(...fields);
  return concat([0], u32(message.length), message);
}

/** The one message of a gRPC-Web answer: frames of a flag, a length and bytes; the trailers' frame has the status. */
function messageOf(response: Response, body: Bytes): Bytes {
  let message: Bytes = new Uint8Array();
  let status = response.headers.get("grpc-status") ?? undefined;
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + new DataView(body.buffer, at + 1).getUint32(0);
    const frame = body.slice(at + 5, end);
    if (body[at]! & 128) status = /grpc-status: *(\d+)/i.exec(new TextDecoder().decode(frame))?.[1];
    else message = frame;
    at = end;
  }
  if (!response.ok || status !== "0") throw new CallError(status === undefined ? undefined : +status);
  return message;
}
