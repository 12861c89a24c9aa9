// The reporting service, as a browser calls it: gRPC-Web on the page's own origin.
//
// Connect's client rather than one of our own: it decodes error details, deadlines and server streams, and is a tenth of what the
// first load may weigh.

import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ReportingService } from "./tacita/v1/reporting_pb.js";

export type Reporting = Client<typeof ReportingService>;

/** How long an answer may take, in milliseconds. */
const PATIENCE = 60_000;

/** A client of the page's own origin that shows `key` with each call. */
export const reporting = (key: string): Reporting => reportingAt(location.origin, key);

/** The same of another origin. */
export function reportingAt(origin: string, key: string): Reporting {
  const transport = createGrpcWebTransport({
    baseUrl: origin,
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
