// The call behind a figure, as a line to paste into a terminal.

import { type DescMessage, type MessageShape, toJsonString } from "@bufbuild/protobuf";
import { ReportingService } from "./tacita/v1/reporting_pb.js";

/** A method of the reporting service by its name in TypeScript, for example `query`. */
export type Method = keyof typeof ReportingService.method;

/**
 * `grpcurl` for a method and its request at the page's origin. The key stands as `$TACITA_KEY`: a line that is passed on
 * must not carry it.
 */
export function grpcurl<D extends DescMessage>(
  origin: string,
  method: Method,
  schema: D,
  request: MessageShape<D>,
): string {
  const { protocol, hostname, port } = new URL(origin);
  const plain = protocol === "http:" ? " -plaintext" : "";
  const host = `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
  const body = toJsonString(schema, request).replaceAll("'", "'\\''");
  return `grpcurl${plain} -H "authorization: Bearer $TACITA_KEY" -d '${body}' ${host} ${ReportingService.typeName}/${ReportingService.method[method].name}`;
}
