// Steps one after the other, each a bar with its interval, and between two of them what the one makes of the other.

import { scaleLinear } from "d3-scale";
import { type Drawn, extent, Whisker } from "./estimate.js";
import { widthOf } from "./text.js";

export interface Step extends Drawn {
  /** What stands above it: how it came of the step before. */
  readonly joint: string;
}

const HEAD = 22;
const BAR = 24;
const JOINT = 42;
const LINE = 16;

export function Steps({ steps, width }: { steps: readonly Step[]; width: number }) {
  const x = scaleLinear().domain(extent(steps, 3)).range([0, width]);
  const zero = x(0);
  // What does not fit beside a label stands under it.
  const isWide = ({ label, text }: Step) => widthOf(label) + widthOf(text) + 16 > width;
  const rows = steps.map((step, place) => ({
    step,
    joint: place > 0 && step.joint ? JOINT : place > 0 ? 18 : 0,
    head: HEAD + (isWide(step) ? LINE : 0),
  }));
  const height = rows.reduce((sum, { joint, head }) => sum + joint + head + BAR, 4);
  let at = 0;
  return (
    <svg class="chart funnel" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {rows.map(({ step: { key, label, text, value, low, high, aboveZero, joint }, joint: above, head }) => {
        const top = at + above;
        at = top + head + BAR;
        const middle = head + BAR / 2;
        return (
          <g key={key} class={aboveZero ? "" : "bar-unsure"} transform={`translate(0 ${top})`}>
            {above === JOINT && (
              <text class="funnel-ratio" y={-16}>
                ↓ {joint}
              </text>
            )}
            <text class="bar-label" y={14}>
              {label}
            </text>
            <text
              class="bar-value"
              x={head > HEAD ? 0 : width}
              y={head > HEAD ? 14 + LINE : 14}
              text-anchor={head > HEAD ? "start" : "end"}
            >
              {text}
            </text>
            <rect class="funnel-room" y={head} width={width} height={BAR} rx={4} />
            <rect
              class="bar-fill funnel-fill"
              x={zero}
              y={head}
              width={Math.max(0, x(value) - zero)}
              height={BAR}
              rx={4}
            />
            <Whisker low={x(low)} high={x(high)} y={middle} cap={5} />
          </g>
        );
      })}
    </svg>
  );
}
