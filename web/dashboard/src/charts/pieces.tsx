// Totals as bars that are cut into what they were, each piece named in a list below its bar.

import { scaleLinear } from "d3-scale";
import { type Drawn, type Tone, Whisker } from "./estimate.js";
import { fitted, widthOf } from "./text.js";

export interface Piece {
  readonly key: string;
  readonly label: string;
  /** After the label, where there is room. */
  readonly note: string;
  readonly text: string;
  readonly value: number;
  /** Undefined: the rest, which is of several tones. */
  readonly tone: Tone | undefined;
}

export interface Group extends Drawn {
  readonly pieces: readonly Piece[];
}

const HEAD = 23;
const BAR = 20;
/** For the whisker, under the bar. */
const UNDER = 16;
const LINE = 21;
/** Between two groups. */
const APART = 26;
/** The least room for a piece in the list. */
const COLUMN = 300;
const GUTTER = 32;
const SWATCH = 17;

export function Pieces({ groups, width }: { groups: readonly Group[]; width: number }) {
  const x = scaleLinear()
    .domain([Math.min(0, ...groups.map(({ low }) => low)), Math.max(1, ...groups.map(({ high }) => high))])
    .range([1, width - 1]);
  const columns = Math.max(1, Math.floor((width + GUTTER) / (COLUMN + GUTTER)));
  const lines = ({ pieces }: Group) => Math.ceil(pieces.length / columns);
  const tall = (group: Group) => HEAD + BAR + UNDER + lines(group) * LINE + APART;
  const height = groups.reduce((sum, group) => sum + tall(group), 0);
  let top = 0;
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {groups.map((group) => {
        const at = top;
        top += tall(group);
        return (
          <g key={group.key} class={group.aboveZero ? "" : "bar-unsure"} transform={`translate(0 ${at})`}>
            <text class="bar-label chart-section" y={15}>
              {group.label}
            </text>
            <text class="bar-value" x={width} y={15} text-anchor="end">
              {group.text}
            </text>
            <Cut pieces={group.pieces} x={x} />
            <Whisker low={x(group.low)} high={x(group.high)} y={HEAD + BAR + 6} cap={3} />
            <List pieces={group.pieces} y={HEAD + BAR + UNDER} {...{ columns, width, lines: lines(group) }} />
          </g>
        );
      })}
    </svg>
  );
}

/** The bar. What is below zero cannot be cut off it: it stands in the list alone. */
function Cut({ pieces, x }: { pieces: readonly Piece[]; x: (value: number) => number }) {
  let at = 0;
  return (
    <g transform={`translate(0 ${HEAD})`}>
      {pieces
        .filter(({ value }) => value > 0)
        .map(({ key, label, note, text, value, tone }) => {
          const [from, to] = [x(at), x(at + value)];
          at += value;
          return (
            <g key={key} class={tone ? `tone-${tone}` : "piece-rest"}>
              <title>{`${[label, note].filter(Boolean).join(" · ")}: ${text}`}</title>
              <rect class="part" x={from} width={Math.max(1, to - from - 1.5)} height={BAR} rx={3} />
              {to - from > 2 * widthOf("M") + 12 && widthOf(label, 11.5) + 14 < to - from && (
                <text class="part-label" x={from + 7} y={14}>
                  {label}
                </text>
              )}
            </g>
          );
        })}
    </g>
  );
}

interface ListProps {
  readonly pieces: readonly Piece[];
  readonly y: number;
  readonly columns: number;
  readonly lines: number;
  readonly width: number;
}

/** Every piece by its name, in the order of the bar, column after column. */
function List({ pieces, y, columns, lines, width }: ListProps) {
  const room = (width - (columns - 1) * GUTTER) / columns;
  return (
    <g class="pieces" transform={`translate(0 ${y})`}>
      {pieces.map(({ key, label, note, text, tone }, place) => {
        const [column, line] = [Math.floor(place / lines), place % lines];
        const free = room - SWATCH - widthOf(text, 12) - 12;
        const name = fitted(label, free, 12);
        const left = free - widthOf(`${name}  `, 12);
        const beside = note && left > 40 ? fitted(note, left, 12) : "";
        return (
          <g
            key={key}
            class={tone ? `tone-${tone}` : "piece-rest"}
            transform={`translate(${column * (room + GUTTER)} ${line * LINE})`}
          >
            <rect class="part" y={6} width={10} height={10} rx={3} />
            <text class="piece-label" x={SWATCH} y={15}>
              {name}
              {beside && (
                <tspan class="piece-note" dx={6}>
                  {beside}
                </tspan>
              )}
            </text>
            <text class="piece-text" x={room} y={15} text-anchor="end">
              {text}
            </text>
          </g>
        );
      })}
    </g>
  );
}
