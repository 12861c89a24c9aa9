import assert from "node:assert/strict";
import { test } from "node:test";
import { fileName } from "../../dashboard/src/export/save.js";
import { csvOf } from "../../dashboard/src/export/sheet.js";

const columns = [
  { key: "content", title: "Contenu", kind: "text" as const, say: () => "said on the page" },
  { key: "from", title: "Début", kind: "time" as const },
  { key: "value", title: "Estimation", kind: "count" as const },
  { key: "above_zero", title: "Sûr ?", kind: "truth" as const },
];

test("a file has the service's own names and numbers, in full, whatever the page's language", () => {
  const csv = csvOf({
    columns,
    rows: [
      ["/a", 1767225600, 1234.5678901234, true],
      ["/b", 1767225601, -3, false],
    ],
  });
  assert.equal(
    csv,
    "content,from,value,above_zero\r\n/a,2026-01-01T00:00:00Z,1234.5678901234,true\r\n/b,2026-01-01T00:00:01Z,-3,false\r\n",
  );
});

test("what is not known is empty, and what has commas or quotes is quoted", () => {
  assert.equal(
    csvOf({ columns: columns.slice(0, 1), rows: [[undefined], ['a "b", c'], ["two\nlines"]] }),
    'content\r\n\r\n"a ""b"", c"\r\n"two\nlines"\r\n',
  );
});

test("a text that a spreadsheet would run is not run", () => {
  assert.equal(
    csvOf({ columns: columns.slice(0, 1), rows: [["=1+1"], ["@x"], ["-cmd"], ["+x"]] }),
    "content\r\n'=1+1\r\n'@x\r\n'-cmd\r\n'+x\r\n",
  );
});

test("a file's name holds nothing that a disk would refuse", () => {
  assert.equal(
    fileName("tacita", "acme/spring", "over-time", "2026-01-01..2026-01-31"),
    "tacita-acme-spring-over-time-2026-01-01..2026-01-31",
  );
});
