// The frame of every figure: its title, what it means, its chart or its table, its files, and the call that made it.

import { type DescMessage, type Message, toJsonString } from "@bufbuild/protobuf";
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { useWidth } from "../charts/width.js";
import { fileName, picture, save, standalone } from "../export/save.js";
import { csvOf, type Sheet } from "../export/sheet.js";
import { leftText, messages } from "../i18n/index.js";
import type { Answer } from "../state/answer.js";
import type { Left } from "../state/measures.js";
import { formatRange } from "../state/range.js";
import { campaign } from "../state/session.js";
import { view } from "../state/view.js";
import { grpcurl } from "../wire/grpcurl.js";
import { type MeasureAnswer, type Notice, ReportingService } from "../wire/tacita/v1/reporting_pb.js";
import { CopyButton } from "./copy.js";
import { Disclosure } from "./disclosure.js";
import { Icon } from "./icon.js";
import { BLANK, hiddenAll, Notices, noticeText } from "./notices.js";
import { Refusal } from "./refusal.js";
import { Table } from "./table.js";

interface Props {
  readonly title: string;
  readonly about: string;
  /** In files' names. */
  readonly name: string;
  readonly answer: Answer;
  /** What stands beside the title. */
  readonly tools?: ComponentChildren;
  /** What stands under the chart. */
  readonly foot?: ComponentChildren;
  /** What of the filters the figure's measure could not take. */
  readonly left?: readonly Left[] | undefined;
  /** The figure has no comparison, and one was asked for. */
  readonly alone?: boolean;
  /** Notices that are not about the figure, though its answer has them. */
  readonly unsaid?: readonly string[];
  /** The measures of the figure, where its answer only names them. */
  readonly measures?: readonly MeasureAnswer[];
  /** Why the figure cannot be asked for at all. */
  readonly missing?: string | undefined;
  readonly sheet: Sheet | undefined;
  readonly pick?: ((row: number) => (() => void) | undefined) | undefined;
  /** Without it, the table alone is shown. What it draws outside of an `svg.chart` is in no picture. */
  readonly draw?: ((width: number) => ComponentChildren) | undefined;
  readonly wide?: boolean;
  /** What is said when there are no rows. */
  readonly blank?: string | undefined;
}

export function Figure({
  title,
  about,
  name,
  answer,
  tools,
  foot,
  left,
  alone = false,
  measures,
  unsaid = [],
  missing,
  sheet,
  pick,
  draw,
  wide = false,
  blank,
}: Props) {
  const [asTable, setAsTable] = useState(false);
  const [call, setCall] = useState(false);
  const { ref, width } = useWidth();
  const id = useId();
  const m = messages.value;
  const { value, failure, waiting } = answer;
  const table = asTable || !draw;
  const told = beside(value, measures);
  return (
    <section
      class={`figure${wide || table ? " figure-wide" : ""}`}
      aria-labelledby={id}
      aria-busy={waiting}
      data-figure={name}
      data-ready={!waiting && Boolean(value || failure || missing)}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <Disclosure label={m.figure.about(title)} face={<Icon name="help" />} class="quiet">
          {() => <p class="about">{about}</p>}
        </Disclosure>
        <div class="figure-tools">
          {tools}
          {value && sheet && (
            <Disclosure label={m.figure.menu(title)} face={<Icon name="menu" />} class="quiet" align="end">
              {(close) => (
                <Menu
                  {...{
                    close,
                    table,
                    setAsTable,
                    setCall,
                    name,
                    title,
                    value,
                    sheet,
                    answer,
                    drawing: () => ref.current!.querySelector<SVGSVGElement>("svg.chart"),
                    drawable: Boolean(draw),
                  }}
                />
              )}
            </Disclosure>
          )}
        </div>
      </header>
      <Remarks {...{ left, alone, answer }} />
      <div class={`figure-body${waiting && value ? " figure-waiting" : ""}`} ref={ref}>
        {missing ? <p class="blank">{missing}</p> : <Told answer={answer} />}
        {value && sheet && (
          <Body {...{ title, about, sheet, pick, told, blank }} draw={table ? undefined : draw} width={width} />
        )}
      </div>
      {value && !missing && <After {...{ told, unsaid, foot }} />}
      {call && answer.question && <Call answer={answer} onClose={() => setCall(false)} />}
    </section>
  );
}

/** What the figure could not do as asked. */
function Remarks({ left, alone, answer: { value, failure } }: Pick<Props, "answer" | "left" | "alone">) {
  const m = messages.value;
  return (
    <>
      {value &&
        left?.map((one) => (
          <p key={one.dimension} class="remark">
            {leftText(one)}
          </p>
        ))}
      {value && alone && <p class="remark remark-quiet">{m.figure.notCompared}</p>}
      {failure?.kind === "away" && <p class="remark">{value ? m.figure.away : m.signIn.away}</p>}
    </>
  );
}

type BodyProps = Pick<Props, "title" | "about" | "pick" | "draw" | "blank"> & {
  sheet: Sheet;
  told: Beside;
  width: number;
};

/** The chart, or the table without `draw`, or that there is nothing to show. */
function Body({ title, about, sheet, told, pick, draw, blank: nothing, width }: BodyProps) {
  const m = messages.value;
  const blank = blankness(told) ?? (sheet.rows.length ? undefined : (nothing ?? m.notices.NO_REPORTS));
  if (blank) return <p class="blank">{blank}</p>;
  if (!draw) return <Table caption={title} sheet={sheet} pick={pick} />;
  return (
    <>
      <p class="unseen">{`${about} ${m.figure.table}${m.colon}${m.figure.menu(title)}.`}</p>
      {width > 0 && draw(width)}
    </>
  );
}

/** What is to be known of the numbers above. */
function After({ told, unsaid, foot }: { told: Beside; unsaid: readonly string[]; foot: ComponentChildren }) {
  const isOpen = told.notices.some(({ code }) => code === "NOT_SETTLED");
  return (
    <>
      <Notices {...told} unsaid={unsaid} />
      {(foot || isOpen) && (
        <footer>
          {foot}
          {isOpen && <p>{messages.value.notices.NOT_SETTLED}</p>}
        </footer>
      )}
    </>
  );
}

/** What stands where there are no figures: that one waits for them, or why there are none. */
function Told({ answer: { value, failure, waiting } }: { answer: Answer }) {
  const m = messages.value;
  if (failure?.kind === "refused") {
    return (
      <div class="blank">
        <Refusal failure={failure} />
      </div>
    );
  }
  if (value || !waiting) return null;
  return (
    <div class="skeleton">
      <span class="unseen">{m.loading}</span>
    </div>
  );
}

interface Beside {
  readonly notices: readonly Notice[];
  readonly measures: readonly MeasureAnswer[];
}

/** What an answer says beside its numbers. */
function beside(value: object | undefined, known: readonly MeasureAnswer[] | undefined): Beside {
  const { notices = [], measures = [] } = (value ?? {}) as Partial<Beside>;
  return { notices, measures: known ?? measures.filter((one) => "fits" in one) };
}

/** Why there is nothing to see in the range, if an answer says so. */
function blankness({ notices, measures }: Beside): string | undefined {
  const ahead = notices.find(({ code }) => code === "RANGE_AHEAD");
  if (ahead) return noticeText(ahead);
  const hidden = measures.every(({ reports }) => reports === 0n) && measures.find(({ hidden }) => hidden)?.hidden;
  if (hidden) return hiddenAll(hidden);
  const none = notices.find(({ code }) => BLANK.includes(code));
  return none && noticeText(none);
}

interface MenuProps {
  readonly close: () => void;
  readonly table: boolean;
  readonly drawable: boolean;
  readonly setAsTable: (on: boolean) => void;
  readonly setCall: (on: boolean) => void;
  readonly name: string;
  readonly title: string;
  readonly sheet: Sheet;
  readonly answer: Answer;
  readonly drawing: () => SVGSVGElement | null;
}

function Menu({ close, table, drawable, setAsTable, setCall, name, title, sheet, answer, drawing }: MenuProps) {
  const m = messages.value;
  const file = (ending: string) =>
    `${fileName("tacita", campaign.value?.name ?? "", name, formatRange(view.value.range))}.${ending}`;
  const item = (text: string, act: () => void) => (
    <li key={text}>
      <button
        type="button"
        onClick={() => {
          close();
          act();
        }}
      >
        {text}
      </button>
    </li>
  );
  const image = (use: (svg: string) => void) => () => {
    const found = drawing();
    if (found) use(standalone(found, title));
  };
  const isDrawn = drawing() !== null;
  return (
    <ul class="menu">
      {drawable && item(table ? m.figure.chart : m.figure.table, () => setAsTable(!table))}
      {item(m.figure.csv, () => save(file("csv"), csvOf(sheet), "text/csv;charset=utf-8"))}
      {item(m.figure.json, () => save(file("json"), jsonOf(answer), "application/json"))}
      {isDrawn &&
        item(
          m.figure.svg,
          image((svg) => save(file("svg"), svg, "image/svg+xml")),
        )}
      {isDrawn &&
        item(
          m.figure.png,
          image((svg) => void picture(svg).then((png) => save(file("png"), png, "image/png"))),
        )}
      {item(m.figure.call, () => setCall(true))}
    </ul>
  );
}

/** The answer in protobuf's JSON, as grpcurl prints it. */
function jsonOf({ question, value }: Answer): string {
  const schema: DescMessage = ReportingService.method[question!.method].output;
  return toJsonString(schema, value as Message, { prettySpaces: 2 }) + "\n";
}

function Call({ answer, onClose }: { answer: Answer; onClose: () => void }) {
  const m = messages.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const { method, request } = answer.question!;
  const text = grpcurl(
    location.origin,
    method,
    ReportingService.method[method].input as DescMessage,
    request as Message,
  );
  const show = (element: HTMLDialogElement | null) => {
    dialog.current = element;
    if (element && !element.open) element.showModal();
  };
  return (
    <dialog ref={show} onClose={onClose} aria-label={m.figure.call}>
      <h2>{m.figure.call}</h2>
      <p>{m.figure.callLead}</p>
      <pre tabIndex={0}>{text}</pre>
      <div class="dialog-buttons">
        <CopyButton text={text} />
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          {m.close}
        </button>
      </div>
    </dialog>
  );
}
