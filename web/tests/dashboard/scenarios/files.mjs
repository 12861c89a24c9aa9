// What can be taken away from the page.
import assert from "node:assert/strict";
import { choose, download, figure, open } from "../analyst.mjs";

export const files = {
  async "CSV holds the service's numbers in full"(stage, page) {
    await open(stage, page, "?range=all");
    const { name, bytes } = await download(page, "channels", "CSV");
    assert.match(name, /^tacita-acme-spring-channels-all\.csv$/);
    const lines = bytes
      .toString("utf8")
      .trim()
      .split("\r\n")
      .map((line) => line.split(","));
    assert.deepEqual(lines[0], ["channel", "kind", "estimate", "low", "high", "above_zero", "reports_needed", "share"]);
    const { rows } = await stage.client.service.query({
      query: { campaign: "acme/spring", measures: ["arrivals"], groupBy: ["kind", "channel"] },
    });
    assert.equal(lines.length - 1, rows.length);
    for (const {
      labels: [kind, channel],
      estimate,
      share,
    } of rows) {
      const line = lines.find((line) => line[0] === channel);
      assert.deepEqual(
        [line[1], ...[2, 3, 4, 7].map((place) => Number(line[place])), line[5]],
        [kind, estimate.value, estimate.low, estimate.high, share, String(estimate.aboveZero)],
      );
    }
  },

  async "JSON is the answer as it came"(stage, page) {
    await open(stage, page, "?range=all");
    const file = JSON.parse((await download(page, "channels", "JSON (the answer as it came)")).bytes);
    const { toJson, wire, service } = stage.client;
    const answer = toJson(
      wire.QueryResponseSchema,
      await service.query({
        query: { campaign: "acme/spring", measures: ["arrivals"], groupBy: ["kind", "channel"] },
        pageSize: 10_000,
      }),
    );
    assert.deepEqual(file.rows, answer.rows);
    assert.equal(file.state, answer.state);
  },

  async "SVG and PNG are what is on screen"(stage, page) {
    await open(stage, page);
    const svg = (await download(page, "over-time", "SVG")).bytes.toString("utf8");
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.match(svg, />Over time<\/text>/);
    assert.ok(!/class=|style=|var\(|<script|light-dark/.test(svg), "it stands by itself");
    const seen = await figure(page, "over-time").locator(".series-line").first().getAttribute("d");
    assert.ok(svg.includes(seen), "the line is the one on screen");
    const png = (await download(page, "over-time", "PNG")).bytes;
    assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    assert.ok(png.readUInt32BE(16) > 1_000 && png.length > 10_000);
  },

  async "the call that made a figure can be copied, without the key"(stage, page) {
    await open(stage, page);
    await choose(page, "funnel", "The gRPC call that made it");
    await page.getByRole("dialog").getByRole("button", { name: "Copy" }).click();
    await page.getByRole("dialog").getByText("Copied").waitFor();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(
      line,
      /^grpcurl -plaintext -H "authorization: Bearer \$TACITA_KEY" -d '\{"campaign":"acme\/spring",.*' 127\.0\.0\.1:\d+ tacita\.v1\.ReportingService\/GetFunnel$/,
    );
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  },
};
