// How wide a text is, so that what stands beside it finds its room.

/** What text is that has no other class, in pixels. */
const SIZE = 13;
/** Figures of one width are a little wider than the others. */
const TABULAR = 1.03;

let drawing: CanvasRenderingContext2D | null | undefined;

/** The width of a text as charts write it. */
export function widthOf(text: string, size = SIZE, weight = 400): number {
  drawing ??= document.createElement("canvas").getContext("2d");
  if (!drawing) return text.length * size * 0.6;
  drawing.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return drawing.measureText(text).width * TABULAR;
}

/** As much of a text as fits. An address is told by its end, any other text by its beginning. */
export function fitted(text: string, room: number, size = SIZE): string {
  if (widthOf(text, size) <= room) return text;
  const isAddress = /^(\/|https?:)/.test(text);
  for (let kept = text.length - 1; kept > 0; kept--) {
    const part = isAddress ? `…${text.slice(-kept)}` : `${text.slice(0, kept).trimEnd()}…`;
    if (widthOf(part, size) <= room) return part;
  }
  return "…";
}
