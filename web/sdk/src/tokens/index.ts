// The tokens chunk: loaded when the wallet needs a batch.

export { blind, draw, finish } from "./pending.js";
