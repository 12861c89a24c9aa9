// A sheet as a table: what a chart shows, to be read.

import type { Cell, Column, Sheet } from "../export/sheet.js";
import { format, messages } from "../i18n/index.js";
import { DAY } from "../state/range.js";

/** A cell as the page writes it. */
export function written(cell: Cell, column: Column): string {
  const { kind, say } = column;
  const [m, f] = [messages.value, format.value];
  if (cell === undefined) return m.unknown;
  if (typeof cell === "boolean") return cell ? m.sure.yes : m.sure.no;
  // Below zero such a ratio is noise, and no figure.
  if (typeof cell === "number" && column.least !== undefined && cell < column.least) return m.unknown;
  if (typeof cell === "string") return say ? say(cell) : cell;
  if (kind === "percent") return f.percent(cell);
  if (kind === "ratio") return f.ratio(cell);
  return kind === "time" ? f.period(cell, cell % DAY === 0 ? DAY : 3_600) : f.count(cell);
}

/** The columns that tell something: one that is empty in every row takes room and says nothing. */
const told = ({ columns, rows }: Sheet): number[] =>
  columns.map((_, at) => at).filter((at) => at === 0 || rows.some((row) => row[at] !== undefined));

const isNumber = ({ kind }: Column): boolean => kind !== "text" && kind !== "truth";

interface Props {
  readonly caption: string;
  readonly sheet: Sheet;
  /** What a click on a row's name does; for the rows that have one. */
  readonly pick?: ((row: number) => (() => void) | undefined) | undefined;
}

export function Table({ caption, sheet, pick }: Props) {
  const shown = told(sheet);
  return (
    <div class="table-room" tabIndex={0} role="region" aria-label={messages.value.figure.tableOf(caption)}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {shown.map((at) => {
              const column = sheet.columns[at]!;
              return (
                <th key={column.key} scope="col" class={isNumber(column) ? "number" : ""}>
                  {column.title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sheet.rows.map((row, place) => {
            const onPick = pick?.(place);
            return (
              <tr key={place}>
                {shown.map((at) => {
                  const column = sheet.columns[at]!;
                  const text = written(row[at], column);
                  if (at > 0)
                    return (
                      <td key={column.key} class={isNumber(column) ? "number" : ""}>
                        {text}
                      </td>
                    );
                  return (
                    <th key={column.key} scope="row">
                      {onPick ? (
                        <button type="button" class="plain" onClick={onPick}>
                          {text}
                        </button>
                      ) : (
                        text
                      )}
                    </th>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
