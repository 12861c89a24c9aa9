// Whether the visitor may be measured. Nothing is fetched, stored or sent before the answer is yes.

import type { ConsentSetting } from "./settings.js";

/** Marks in localStorage that the visitor opted out: the one thing that is kept then by this chunk. */
const OPT_OUT = "tacita-opt-out";

/** TCF purposes: to store on the device, and to measure content performance. */
const PURPOSES = [1, 8];

type TcfData = { gdprApplies?: boolean; eventStatus?: string; purpose?: { consents?: Record<number, boolean> } };
type TcfApi = (command: string, version: number, callback: (data: TcfData, success: boolean) => void) => void;

export function hasOptedOut(): boolean {
  try {
    return localStorage.getItem(OPT_OUT) !== null;
  } catch {
    // A page that may not store anything measures nothing.
    return true;
  }
}

export function rememberOptOut(isOut: boolean): void {
  try {
    if (isOut) localStorage.setItem(OPT_OUT, "1");
    else localStorage.removeItem(OPT_OUT);
  } catch {
    // Storage is refused, and with it all measuring.
  }
}

/** Global Privacy Control and Do Not Track say no for the visitor, whatever the page says. */
export const isObjecting = (): boolean =>
  (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true || navigator.doNotTrack === "1";

/** Tells, now or later and at each change, whether the visitor consents by the page's setting. */
export function watchConsent(setting: ConsentSetting, tell: (isGranted: boolean) => void): void {
  if (setting === "granted") tell(true);
  else if (setting === "tcf") watchTcf(tell);
  else if (setting === "denied") tell(false);
}

function watchTcf(tell: (isGranted: boolean) => void): void {
  const api = (window as { __tcfapi?: TcfApi }).__tcfapi;
  if (!api) {
    // The platform's stub may come after us, but not after the page has loaded.
    if (document.readyState !== "complete") addEventListener("load", () => watchTcf(tell), { once: true });
    return;
  }
  api("addEventListener", 2, ({ gdprApplies, eventStatus, purpose }, success) => {
    if (!success || eventStatus === "cmpuishown") return;
    tell(gdprApplies === false || PURPOSES.every((number) => purpose?.consents?.[number]));
  });
}
