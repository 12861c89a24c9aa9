// Why a call failed, in a form that a page can act on.

import { Code, ConnectError } from "@connectrpc/connect";
import { readFields, textOf } from "../../../sdk/src/protocol/protobuf.js";

/** What went wrong. */
export interface Failure {
  /** What the page does about it: ask for a key again, say that the server is away, or show the message. */
  readonly kind: "key" | "away" | "refused";
  /** `ErrorInfo.reason`, for example `MEASURE_MISSING`; empty where the server gave none. */
  readonly reason: string;
  /** The server's words: they say what to do. */
  readonly message: string;
}

const AWAY = [Code.Unavailable, Code.DeadlineExceeded, Code.Unknown, Code.ResourceExhausted];

/** Reads an error of a call; undefined if it was this page that gave up. */
export function failureOf(error: unknown): Failure | undefined {
  const failed = ConnectError.from(error);
  if (failed.code === Code.Canceled) return undefined;
  const kind = failed.code === Code.Unauthenticated ? "key" : AWAY.includes(failed.code) ? "away" : "refused";
  return { kind, reason: reasonOf(failed), message: failed.rawMessage };
}

/** `google.rpc.ErrorInfo` has its reason in field 1. */
function reasonOf(error: ConnectError): string {
  for (const detail of error.details) {
    if ("type" in detail && detail.type === "google.rpc.ErrorInfo")
      return textOf(readFields(new Uint8Array(detail.value)), 1);
  }
  return "";
}
