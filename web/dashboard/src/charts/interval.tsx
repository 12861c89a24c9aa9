// An interval on a line of its own: for a card, where there is no axis to read.

interface Props {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** What the line's ends stand for. */
  readonly from: number;
  readonly to: number;
  readonly before?: number | undefined;
}

const WIDTH = 200;
const HEIGHT = 16;

export function IntervalLine({ value, low, high, from, to, before }: Props) {
  const x = (at: number) => 4 + ((Math.min(to, Math.max(from, at)) - from) / (to - from || 1)) * (WIDTH - 8);
  const middle = HEIGHT / 2;
  return (
    <svg class="interval-line" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <line class="interval-track" x1={0} x2={WIDTH} y1={middle} y2={middle} />
      <rect class="interval-range" x={x(low)} y={middle - 3} width={Math.max(2, x(high) - x(low))} height={6} rx={3} />
      {before !== undefined && <line class="interval-before" x1={x(before)} x2={x(before)} y1={2} y2={HEIGHT - 2} />}
      <line class="interval-value" x1={x(value)} x2={x(value)} y1={1} y2={HEIGHT - 1} />
    </svg>
  );
}
