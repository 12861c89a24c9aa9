// What the bench measures, in whatever runtime it is loaded: the SDK's own functions on a batch of the default size.

import { fromHex } from "../sdk/src/bytes.js";
import { idlePause } from "../sdk/src/device/idle.js";
import { seal } from "../sdk/src/tokens/envelope.js";
import { blind, draw, finish, type Pending } from "../sdk/src/tokens/pending.js";
import { littleEndian } from "../sdk/src/tokens/ristretto.js";
import { issue } from "./bench-issuer.js";

interface Vector {
  publisher: number;
  epoch: number;
  epoch_key: string;
  public_key: string;
  chain: string;
  payloads: string[];
}

/** The default `token-batch`. */
const BATCH = 32;
const ROUNDS = 7;
const noPause = async () => {};

/** Medians, in µs per token; then what 16 tokens in idle slices cost a page, in ms. */
export async function measure(vector: Vector) {
  const bytes = (text: string) => fromHex(text)!;
  const issuance = {
    publisher: vector.publisher,
    epoch: vector.epoch,
    publicKey: bytes(vector.public_key),
    chain: bytes(vector.chain),
  };
  const draws = Array.from({ length: BATCH }, draw);
  const payload = bytes(vector.payloads[0]!);
  const count = BATCH;
  let pending: Pending = await blind(issuance, draws, noPause);
  const response = await issue(littleEndian(bytes(vector.epoch_key)), pending);
  let tokens!: Awaited<ReturnType<typeof finish>>;
  const figures = {
    blind: await median(count, async () => void (pending = await blind(issuance, draws, noPause))),
    finalize: await median(count, async () => void (tokens = await finish(pending, response, noPause))),
    seal: await median(count, async () => {
      for (const token of tokens) await seal(token, payload);
    }),
  };
  return { ...figures, ...(await sliced(issuance)) };
}

async function median(count: number, work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await work();
    times.push((1000 * (performance.now() - begun)) / count);
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

/**
 * Blinds 16 tokens as a page does, in idle slices; counts the long tasks (over 50 ms) where the runtime tells of them.
 */
async function sliced(issuance: Parameters<typeof blind>[0]) {
  const hasLongTasks = PerformanceObserver.supportedEntryTypes.includes("longtask");
  let tasks = 0;
  // What ran before is a task of its own.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const observer = hasLongTasks ? new PerformanceObserver((list) => (tasks += list.getEntries().length)) : undefined;
  observer?.observe({ type: "longtask" });
  const begun = performance.now();
  await blind(issuance, Array.from({ length: 16 }, draw), idlePause());
  const total = performance.now() - begun;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { "blind-16/total": total, ...(hasLongTasks ? { "blind-16/long-tasks": tasks } : {}) };
}
