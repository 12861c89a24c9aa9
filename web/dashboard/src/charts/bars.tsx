// Bars with error bars: a row for each cell, a section for each kind.

import { scaleLinear } from "d3-scale";
import type { ComponentChildren } from "preact";
import { type Drawn, extent, type Tone, Whisker } from "./estimate.js";
import { fitted, widthOf } from "./text.js";

/** One row. */
export interface Bar extends Drawn {
  /** What stands at the end of the row: under its numbers, or beside them. */
  readonly note: string;
  /** The same row in the period compared with. */
  readonly before?: number | undefined;
  readonly tone: Tone;
  readonly onPick?: (() => void) | undefined;
  readonly picked?: boolean;
}

export interface Section {
  readonly title: string;
  readonly text?: string;
  readonly note: string;
  readonly bars: readonly Bar[];
}

/** Bars under no heading. */
export const unsectioned = (bars: readonly Bar[]): readonly Section[] => [{ title: "", note: "", bars }];

const ROW = 34;
const HEAD = 38;
const AXIS = 26;
/** Below this width a row's label stands above its bar. */
const NARROW = 560;
/** The least room for what stands at the very end of a row. */
const NOTE = 62;
const GAP = 12;

export function Bars({
  sections,
  width,
  tick,
}: {
  sections: readonly Section[];
  width: number;
  tick: (most: number) => (value: number) => string;
}) {
  const narrow = width < NARROW;
  const row = narrow ? 52 : ROW;
  const bars = sections.flatMap((section) => section.bars);
  const widest = (of: readonly Bar[], text: (bar: Bar) => string) =>
    Math.max(0, ...of.map((bar) => widthOf(text(bar))));
  const left = narrow ? 0 : Math.min(width * 0.36, 24 + widest(bars, ({ label }) => label));
  // Numbers stand in a column of their own before what stands at the end.
  const numbered = bars.filter(({ text }) => text);
  const note = Math.max(NOTE, GAP + widest(numbered, (bar) => bar.note));
  const right = narrow ? 2 : Math.max(196, note + GAP + widest(numbered, ({ text }) => text) + GAP);
  const [low, high] = extent(bars, narrow ? 3 : 5);
  const scale = scaleLinear()
    .domain([low, high])
    .range([left, width - right]);
  const ticks = scale.ticks(narrow ? 3 : 5).filter((value) => value >= 0 || low < -high / 4);
  const write = tick(Math.max(high, -low));
  const parts: ComponentChildren[] = [];
  let y = 0;
  for (const section of sections) {
    if (section.title) {
      parts.push(
        <g key={section.title} transform={`translate(0 ${y})`}>
          <text class="chart-section" y={24}>
            {section.title}
          </text>
          {section.text && (
            <text class="chart-section-note" x={width - note} y={24} text-anchor="end">
              {section.text}
            </text>
          )}
          <text class="chart-section-note" x={width} y={24} text-anchor="end">
            {section.note}
          </text>
        </g>,
      );
      y += HEAD;
    }
    for (const bar of section.bars) {
      parts.push(
        <Row
          key={bar.key}
          bar={bar}
          y={y}
          height={row}
          x={scale}
          left={left}
          note={note}
          width={width}
          narrow={narrow}
        />,
      );
      y += row;
    }
  }
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${y + AXIS}`} width={width} height={y + AXIS} aria-hidden="true">
      <g class="chart-grid">
        {ticks.map((value) => (
          <line
            key={value}
            x1={scale(value)}
            x2={scale(value)}
            y1={sections[0]?.title ? HEAD - 4 : 0}
            y2={y}
            class={value === 0 ? "chart-zero" : ""}
          />
        ))}
      </g>
      {parts}
      <g class="chart-axis">
        {ticks.map((value) => (
          <text
            key={value}
            x={scale(value)}
            y={y + 17}
            text-anchor={narrow && value === ticks[0] ? "start" : narrow && value === ticks.at(-1) ? "end" : "middle"}
          >
            {write(value)}
          </text>
        ))}
      </g>
    </svg>
  );
}

function Row({
  bar,
  y,
  height,
  x,
  left,
  note,
  width,
  narrow,
}: {
  bar: Bar;
  y: number;
  height: number;
  x: (value: number) => number;
  left: number;
  /** The room at the end. */
  note: number;
  width: number;
  narrow: boolean;
}) {
  const middle = narrow ? height - 15 : height / 2;
  const thick = narrow ? 14 : 16;
  const [zero, end] = [x(0), x(Math.max(0, bar.value))];
  const text = narrow ? 15 : middle;
  const taken = bar.text ? note + widthOf(bar.text) : widthOf(bar.note);
  return (
    <g
      class={`bar tone-${bar.tone}${bar.aboveZero ? "" : " bar-unsure"}${bar.picked ? " bar-picked" : ""}${bar.onPick ? " bar-button" : ""}`}
      transform={`translate(0 ${y})`}
      onClick={bar.onPick}
    >
      <rect class="bar-room" width={width} height={height} rx={6} data-passing />
      <text
        class="bar-label"
        x={narrow ? 0 : left - GAP}
        y={text}
        text-anchor={narrow ? "start" : "end"}
        dominant-baseline="central"
      >
        {fitted(bar.label, narrow ? width - taken - GAP : left - GAP)}
      </text>
      <rect class="bar-fill" x={zero} y={middle - thick / 2} width={Math.max(0, end - zero)} height={thick} rx={3} />
      {bar.before !== undefined && (
        <line
          class="bar-before"
          x1={x(bar.before)}
          x2={x(bar.before)}
          y1={middle - thick / 2 - 3}
          y2={middle + thick / 2 + 3}
        />
      )}
      <Whisker low={x(bar.low)} high={x(bar.high)} y={middle} cap={5} />
      <circle class="bar-point" cx={x(bar.value)} cy={middle} r={2.75} />
      {bar.text && (
        <text class="bar-value" x={width - note} y={text} text-anchor="end" dominant-baseline="central">
          {bar.text}
        </text>
      )}
      <text class="bar-note" x={width} y={text} text-anchor="end" dominant-baseline="central">
        {bar.note}
      </text>
    </g>
  );
}
