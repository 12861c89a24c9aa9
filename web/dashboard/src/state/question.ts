// A call of the reporting service: which method, with which request.

import {
  create,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  toJsonString,
} from "@bufbuild/protobuf";
import type { Method } from "../wire/grpcurl.js";
import { ReportingService } from "../wire/tacita/v1/reporting_pb.js";

type Methods = typeof ReportingService.method;
/** The methods that have one answer. */
export type Unary = { [M in Method]: Methods[M] extends DescMethodUnary ? M : never }[Method];
/** A method's request. */
export type Asked<M extends Unary> = MessageShape<Methods[M]["input"]>;
/** A method's answer. */
export type Told<M extends Unary> = MessageShape<Methods[M]["output"]>;

/** A call to be made. */
export interface Question<M extends Unary = Unary> {
  readonly method: M;
  readonly request: Asked<M>;
  /** The same for the same question. */
  readonly key: string;
}

export function question<M extends Unary>(method: M, init: MessageInitShape<Methods[M]["input"]>): Question<M> {
  const schema = ReportingService.method[method].input;
  const request = create(schema, init as never) as Asked<M>;
  return { method, request, key: `${method} ${toJsonString(schema, request)}` };
}
