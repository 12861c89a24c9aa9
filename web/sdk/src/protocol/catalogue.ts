// Catalogues: contents that a measure tells apart, too many to list in a manifest (spec/measures.md).

import { ascii, type Bytes, digest, equal } from "../bytes.js";

/** How a manifest names a catalogue, and how many cells it makes: contents, then tail. */
export interface CatalogueRef {
  /** SHA-256 of its bytes. */
  readonly digest: Bytes;
  readonly contents: number;
  /** Cells for contents that it does not list, by hash. */
  readonly tail: number;
}

/** The place of one content in each catalogue; undefined where it has none. */
export type PlaceOf = (named: CatalogueRef) => number | undefined;

/** Bytes of a content in a catalogue. */
const ENTRY_LENGTH = 8;

/** What is not listed, and what a share is of if nobody said. */
const OTHER = "other";

/** Checks that these are the bytes that a manifest names. Throws if they are not. */
export async function verifyCatalogue({ digest: wanted, contents }: CatalogueRef, bytes: Bytes): Promise<void> {
  const isNamed = bytes.length === contents * ENTRY_LENGTH && equal(await digest("SHA-256", bytes), wanted);
  if (!isNamed || holdsTwice(bytes)) throw new Error("catalogue");
}

/** The position of a content: its own, or in the tail, or that of `other`; undefined where there is neither. */
export async function positionOf(
  { contents, tail }: CatalogueRef,
  catalogue: Bytes,
  content: string = OTHER,
): Promise<number | undefined> {
  const hash = await contentHash(content);
  const listed = find(catalogue, hash);
  if (listed !== undefined) return listed;
  // A content that nobody named would pass for one content in the tail.
  if (tail && content !== OTHER) return contents + (hash.getUint32(ENTRY_LENGTH) % tail);
  return find(catalogue, await contentHash(OTHER));
}

const contentHash = async (content: string): Promise<DataView> =>
  new DataView((await digest("SHA-256", ascii("tacita/content/v1"), ascii(content))).buffer);

/** One pass: it takes less than a millisecond, and a table of 100,000 entries would have to be made on each page. */
function find(catalogue: Bytes, hash: DataView): number | undefined {
  const entries = new DataView(catalogue.buffer, catalogue.byteOffset, catalogue.length);
  const [high, low] = [hash.getUint32(0), hash.getUint32(4)];
  for (let at = 0; at < catalogue.length; at += ENTRY_LENGTH) {
    if (entries.getUint32(at) === high && entries.getUint32(at + 4) === low) return at / ENTRY_LENGTH;
  }
  return undefined;
}

function holdsTwice(catalogue: Bytes): boolean {
  // In whatever order the machine reads them: equal entries stand side by side.
  const words = new Uint32Array(new BigUint64Array(catalogue.slice().buffer).sort().buffer);
  return words.some((word, at) => at % 2 && at > 2 && word === words[at - 2] && words[at - 1] === words[at - 3]);
}
