// One of several, in a list that opens.

/** A value and what it is called. */
export type Option<T extends string = string> = readonly [T, string];

export const Options = ({ of }: { of: readonly Option[] }) => (
  <>
    {of.map(([value, text]) => (
      <option key={value} value={value}>
        {text}
      </option>
    ))}
  </>
);

interface Props<T extends string> {
  readonly label: string;
  /** The label is for those alone who do not see the list beside others. */
  readonly unlabelled?: boolean;
  readonly look?: string;
  readonly options: readonly Option<T>[];
  readonly chosen: T;
  readonly disabled?: boolean;
  readonly onChoose: (value: T) => void;
}

export function Select<T extends string>({
  label,
  unlabelled = false,
  look = "",
  options,
  chosen,
  disabled = false,
  onChoose,
}: Props<T>) {
  return (
    <label class={`select ${look}`.trim()}>
      <span class={unlabelled ? "unseen" : undefined}>{label}</span>
      <select value={chosen} disabled={disabled} onChange={(event) => onChoose(event.currentTarget.value as T)}>
        <Options of={options} />
      </select>
    </label>
  );
}
