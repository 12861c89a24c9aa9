// The reporting service, as a browser calls it: gRPC-Web on the page's own origin.
//
// Connect's client rather than one of our own: it decodes error details, deadlines and server streams, and is a tenth of what the
// first load may weigh.

import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ReportingService } from "./tacita/v1/reporting_pb.js";

export type Reporting = Client<typeof ReportingService>;

/** How long an answer may take, in milliseconds. */
const PATIENCE = 60_000;

/** A client that shows `key` with each call. */
export function reporting(key: string): Reporting {
  const transport = createGrpcWebTransport({
    baseUrl: location.origin,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  return createClient(ReportingService, transport);
}

/** The options of a call that has one answer. */
export const unary = (signal: AbortSignal) => ({ signal, timeoutMs: PATIENCE });
