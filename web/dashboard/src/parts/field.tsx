// A field of a form, with a hint, or what is wrong with it.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** What a field's input carries, so that its label and the words under it are its own. */
interface Described {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string | undefined;
}

interface Props {
  readonly label: string;
  readonly hint?: string | undefined;
  /** In words; it stands in place of the hint. */
  readonly problem?: string | undefined;
  /** Over all columns of the form. */
  readonly wide?: boolean;
  readonly children: (described: Described) => ComponentChildren;
}

export function Field({ label, hint, problem, wide = false, children }: Props) {
  const id = useId();
  const said = problem ?? hint;
  return (
    <div class={`field${wide ? " field-wide" : ""}`}>
      <label for={id}>{label}</label>
      {children({
        id,
        "aria-invalid": problem !== undefined,
        "aria-describedby": said === undefined ? undefined : `${id}-said`,
      })}
      {said !== undefined && (
        <small id={`${id}-said`} class={problem === undefined ? "" : "problem"}>
          {said}
        </small>
      )}
    </div>
  );
}
