// The device chunk: loaded when the page is idle and the visitor is content.

export type { Device, LedgerLine } from "./device.js";
export { openDevice } from "./device.js";
