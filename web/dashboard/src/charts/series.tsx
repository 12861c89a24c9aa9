// Estimates over time: a line with the band of its intervals, the period compared with, and the marks of surges.

import { scaleLinear, scaleTime } from "d3-scale";
import { area, line } from "d3-shape";
import { useState } from "preact/hooks";
import type { Formats } from "../i18n/formats.js";
import { extent, type Tone } from "./estimate.js";
import { widthOf } from "./text.js";

export interface Point {
  /** Unix seconds: where the period begins. */
  readonly at: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly before?: number | undefined;
  readonly settled: boolean;
  /** Why there is no figure of the period: it is a gap in the line. */
  readonly hidden?: string | undefined;
}

export interface Line {
  readonly key: string;
  readonly label: string;
  /** A tone, or the place in the list of colours for lines. */
  readonly tone: Tone | number;
  readonly points: readonly Point[];
}

export interface Mark {
  readonly key: string;
  readonly at: number;
  readonly text: string;
}

const HEIGHT = 300;
const [TOP, BOTTOM] = [14, 28];

interface Props {
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
  readonly seconds: number;
  readonly width: number;
  readonly format: Formats;
  readonly label: string;
  readonly keys: string;
  readonly beforeText: string;
}

export function Series({ lines, marks, seconds, width, format, label, keys, beforeText }: Props) {
  const [at, setAt] = useState<number | undefined>(undefined);
  const all = lines.flatMap((one) => one.points);
  const shown = all.filter(({ hidden }) => hidden === undefined);
  const times = [...new Set(all.map((point) => point.at))].sort((one, other) => one - other);
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const [low, high] = extent(shown, 5);
  const y = scaleLinear()
    .domain([low, high])
    .range([HEIGHT - BOTTOM, TOP]);
  const ticks = y.ticks(5).filter((value) => value >= 0 || low < -high / 4);
  const write = format.axis(Math.max(high, -low));
  const left = 14 + Math.max(...ticks.map((tick) => widthOf(write(tick), 11.5)));
  const x = scaleTime()
    .domain([first, last].map((at, end) => (first === last ? at + 2 * end - 1 : at) * 1000))
    .range([left, width - 10]);
  const px = (seconds: number) => x(seconds * 1000);
  const near = (place: number) =>
    times.reduce((best, time) => (Math.abs(px(time) - place) < Math.abs(px(best) - place) ? time : best), first);
  const step = (by: number) =>
    setAt(
      times[
        Math.max(
          0,
          Math.min(times.length - 1, (at === undefined ? (by > 0 ? -1 : times.length) : times.indexOf(at)) + by),
        )
      ],
    );
  const every = Math.ceil(times.length / Math.max(2, Math.floor((width - left) / 84)));

  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      step(by);
    } else if (event.key === "Escape") setAt(undefined);
  };
  return (
    <div
      class="series"
      tabIndex={0}
      role="group"
      aria-label={`${label}. ${keys}`}
      onKeyDown={onKeyDown}
      onBlur={() => setAt(undefined)}
      onPointerMove={(event) => setAt(near(event.clientX - event.currentTarget.getBoundingClientRect().left))}
      onPointerLeave={() => setAt(undefined)}
    >
      <svg class="chart" viewBox={`0 0 ${width} ${HEIGHT}`} width={width} height={HEIGHT} aria-hidden="true">
        <g class="chart-grid">
          {ticks.map((tick) => (
            <line key={tick} x1={left} x2={width} y1={y(tick)} y2={y(tick)} class={tick === 0 ? "chart-zero" : ""} />
          ))}
        </g>
        <g class="chart-axis">
          {ticks.map((tick) => (
            <text key={tick} x={left - 10} y={y(tick)} text-anchor="end" dominant-baseline="central">
              {write(tick)}
            </text>
          ))}
          {times.map(
            (time, place) =>
              place % every === 0 && (
                <text
                  key={time}
                  x={px(time)}
                  y={HEIGHT - 6}
                  text-anchor={px(time) > width - 34 ? "end" : px(time) - left < 24 ? "start" : "middle"}
                >
                  {format.tick(time, seconds)}
                </text>
              ),
          )}
        </g>
        {at !== undefined && (
          <line class="series-here" x1={px(at)} x2={px(at)} y1={TOP} y2={HEIGHT - BOTTOM} data-passing />
        )}
        {lines.map((one) => (
          <OneLine key={one.key} line={one} px={px} y={y} />
        ))}
        {marks
          .filter((mark) => mark.at >= first && mark.at < last + seconds)
          .map((mark) => (
            <g key={mark.key} class="series-mark" transform={`translate(${px(Math.min(mark.at, last))} ${TOP})`}>
              <title>{mark.text}</title>
              <line y1={4} y2={HEIGHT - BOTTOM - TOP} />
              <path d="M0 -8L7 4H-7Z" />
            </g>
          ))}
        {at !== undefined &&
          lines.map((one) => {
            const point = one.points.find((point) => point.at === at);
            return (
              point &&
              point.hidden === undefined && (
                <circle
                  key={one.key}
                  class={`series-dot ${toneClass(one.tone)}`}
                  cx={px(at)}
                  cy={y(point.value)}
                  r={4}
                  data-passing
                />
              )
            );
          })}
      </svg>
      <Reading {...{ lines, at, seconds, format, beforeText, place: at === undefined ? 0 : px(at), width }} />
    </div>
  );
}

const toneClass = (tone: Tone | number) => (typeof tone === "number" ? `tone-${tone % 8}` : `tone-${tone}`);

function OneLine({ line: one, px, y }: { line: Line; px: (at: number) => number; y: (value: number) => number }) {
  const isShown = ({ hidden }: Point) => hidden === undefined;
  const band = area<Point>(
    (point) => px(point.at),
    (point) => y(point.low),
    (point) => y(point.high),
  ).defined(isShown);
  const path = line<Point>(
    (point) => px(point.at),
    (point) => y(point.value),
  ).defined(isShown);
  const before = line<Point>(
    (point) => px(point.at),
    (point) => y(point.before ?? 0),
  ).defined((point) => point.before !== undefined);
  // What still takes reports is drawn as not yet certain.
  const open = one.points.findIndex((point) => !point.settled);
  const settled = open < 0 ? one.points : one.points.slice(0, open);
  const rest = open < 0 ? [] : one.points.slice(Math.max(0, open - 1));
  // Between two gaps there is no line: the point stands for itself.
  const isGap = (place: number) => !isShown(one.points[place] ?? NOTHING);
  const lone = one.points.filter((point, place) => isShown(point) && isGap(place - 1) && isGap(place + 1));
  return (
    <g class={toneClass(one.tone)}>
      <path class="series-band" d={band([...one.points]) ?? ""} />
      {one.points.some((point) => point.before !== undefined) && (
        <path class="series-before" d={before([...one.points]) ?? ""} />
      )}
      <path class="series-line" d={path([...settled]) ?? ""} />
      <path class="series-line series-open" d={path([...rest]) ?? ""} />
      {lone.map((point) => (
        <g key={point.at}>
          <path class="whisker" d={`M${px(point.at)} ${y(point.low)}V${y(point.high)}`} />
          <circle class="series-dot" cx={px(point.at)} cy={y(point.value)} r={4} />
        </g>
      ))}
      {one.points
        .filter(({ hidden }) => hidden !== undefined)
        .map((point) => (
          <circle key={point.at} class="series-hidden" cx={px(point.at)} cy={y(0)} r={4}>
            <title>{point.hidden}</title>
          </circle>
        ))}
    </g>
  );
}

const NOTHING: Point = { at: 0, value: 0, low: 0, high: 0, settled: true, hidden: "" };

/** The figures at the place pointed at; also told to screen readers. */
function Reading({
  lines,
  at,
  seconds,
  format,
  beforeText,
  place,
  width,
}: Pick<Props, "lines" | "seconds" | "format" | "beforeText" | "width"> & { at: number | undefined; place: number }) {
  const shown = at !== undefined;
  return (
    <div
      class={`reading${shown ? "" : " reading-hidden"}`}
      aria-live="polite"
      style={{ left: `${Math.max(0, Math.min(width - 230, place + (place > width / 2 ? -242 : 14)))}px` }}
    >
      {shown && <strong>{format.period(at, seconds)}</strong>}
      {shown &&
        lines.map((one) => {
          const point = one.points.find((point) => point.at === at);
          return (
            point && (
              <div key={one.key} class="reading-row">
                {lines.length > 1 && <span class={`swatch ${toneClass(one.tone)}`} />}
                {lines.length > 1 && <span class="reading-label">{one.label}</span>}
                {point.hidden !== undefined && <span class="reading-range">{point.hidden}</span>}
                {point.hidden === undefined && (
                  <>
                    <span class="reading-value">{format.count(point.value)}</span>
                    <span class="reading-range">
                      {format.count(point.low)} – {format.count(point.high)}
                    </span>
                  </>
                )}
                {point.before !== undefined && (
                  <span class="reading-range">
                    {beforeText} {format.count(point.before)}
                  </span>
                )}
              </div>
            )
          );
        })}
    </div>
  );
}
