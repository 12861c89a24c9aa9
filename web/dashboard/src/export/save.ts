// Files of what is on screen.

/** Properties that a drawing's look rests on. */
const LOOK = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linecap",
  "stroke-linejoin",
  "stroke-opacity",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "font-variant-numeric",
  "text-anchor",
  "dominant-baseline",
  "letter-spacing",
] as const;

const MARGIN = 16;
const SVG = "http://www.w3.org/2000/svg";

/**
 * A drawing that stands by itself: what the page's style sheet says is written into attributes, since neither a file nor an image
 * has that sheet, and not every program reads style sheets in drawings. A title is set above it.
 */
export function standalone(drawing: SVGSVGElement, title: string): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const [from, to] = [drawing, copy].map((root) => [root, ...root.querySelectorAll<SVGElement>("*")]) as [
    SVGElement[],
    SVGElement[],
  ];
  for (const [place, element] of from.entries()) {
    const style = getComputedStyle(element);
    const twin = to[place]!;
    for (const name of LOOK) {
      const value = style.getPropertyValue(name);
      if (value && value !== "normal") twin.setAttribute(name, value);
    }
    for (const name of ["class", "style", "tabindex", "role", "aria-label", "aria-hidden"]) twin.removeAttribute(name);
  }
  for (const passing of [...copy.querySelectorAll("[data-passing]")]) passing.remove();

  const { width, height } = drawing.viewBox.baseVal;
  const page = getComputedStyle(document.body);
  const whole = document.createElementNS(SVG, "svg");
  const [wide, high] = [width + 2 * MARGIN, height + 2 * MARGIN + 28];
  for (const [name, value] of Object.entries({ xmlns: SVG, width: wide, height: high, viewBox: `0 0 ${wide} ${high}` }))
    whole.setAttribute(name, String(value));
  const add = (name: string, attributes: Record<string, string | number>) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    whole.append(element);
    return element;
  };
  add("rect", { width: wide, height: high, fill: page.getPropertyValue("background-color") });
  add("text", {
    x: MARGIN,
    y: MARGIN + 12,
    fill: page.color,
    "font-family": page.fontFamily,
    "font-size": 15,
    "font-weight": 600,
  }).textContent = title;
  const body = add("g", { transform: `translate(${MARGIN} ${MARGIN + 28})`, "font-family": page.fontFamily });
  body.append(...copy.childNodes);
  return new XMLSerializer().serializeToString(whole);
}

/** A drawing as a picture of twice its size. */
export async function picture(svg: string): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width * 2, image.height * 2];
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Hands a file to the browser. */
export function save(name: string, content: string | Blob, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A name for a file: what it holds, of which campaign and days. */
export const fileName = (...parts: readonly string[]): string =>
  parts
    .filter(Boolean)
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^-|-$/g, "");
