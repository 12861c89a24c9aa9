// The page SDK's entry: asks for consent, watches, and loads the device when the page is idle. It never throws into the
// page.

import type { Device, LedgerLine } from "../device/device.js";
import type { SharingLine } from "../device/sharing.js";
import type { Evidence } from "../protocol/arrival.js";
import { hasOptedOut, isObjecting, rememberOptOut, watchConsent } from "./consent.js";
import { loadDevice, loadPanel, loadTokens } from "./load.module.js";
import { watchRoutes } from "./routes.js";
import { isExcluded, type Options, readSettings, type Settings } from "./settings.js";
import { watchShares } from "./watch.js";

export type { LedgerLine } from "../device/device.js";
export type { SharingLine } from "../device/sharing.js";
export type { ConsentSetting, Options } from "./settings.js";

export interface Tacita {
  /**
   * A page (the one that is open, unless named) was shared to a channel by a button of the site's own; gives the tagged
   * link. `content` is its id in the lists that contents are counted by, if it is not the page's path or what its
   * `<meta name="tacita-content">` says.
   */
  share(channel: string, page?: string, content?: string): Promise<string | undefined>;
  /** The visitor converted, for a value if it has one. */
  conversion(conversion?: { value?: number }): Promise<void>;
  /** The tagged form of one of the site's addresses, for a link that the page builds itself. */
  link(channel: string, page?: string): Promise<string | undefined>;
  /** What the page's consent dialogue was told. */
  consent(consent: "granted" | "denied"): void;
  /** Erases all that is stored and measures nothing more on this device. */
  optOut(): Promise<void>;
  /** Takes {@link optOut} back. Spent budgets stay spent. */
  optIn(): Promise<void>;
  /** What each brand has been told in this epoch. */
  ledger(): Promise<LedgerLine[]>;
  /** Where this device remembers to have shared, for measures of sharers' profiles: two bits a window, of two windows. */
  sharing(): Promise<SharingLine[]>;
  /** Sends what waits. It also happens by itself. */
  flush(): Promise<void>;
}

/** Starts measuring the page, once. On a server, and where a setting is unusable, it does nothing. */
export function init(options: Options): Tacita {
  const settings = typeof document === "undefined" ? undefined : readSettings(options);
  return new Page(settings);
}

type Call<T> = (device: Device) => T | Promise<T>;

class Page implements Tacita {
  readonly #settings: Settings | undefined;
  readonly #evidence: Evidence | undefined;
  #isAllowed = false;
  #isWatching = false;
  /** The device, once it is loaded. */
  #device: Device | undefined;
  #loading: Promise<Device | undefined> | undefined;
  #isDenied = false;
  /** What happened before the visitor decided. */
  #kept: Call<unknown>[] = [];

  constructor(settings: Settings | undefined) {
    this.#settings = settings;
    if (!settings) return;
    this.#isDenied = isObjecting() || hasOptedOut();
    this.#evidence = gatherEvidence(settings);
    watchConsent(settings.consent, (isGranted) => this.#decide(isGranted));
  }

  share(channel: string, page = openPage(), content?: string) {
    return this.#happened((device) => device.share(channel, page, content));
  }

  conversion({ value }: { value?: number } = {}) {
    return this.#happened((device) => device.convert(value));
  }

  link(channel: string, page = openPage()) {
    return this.#with((device) => device.link(channel, page));
  }

  consent(consent: "granted" | "denied") {
    this.#decide(consent === "granted");
  }

  async optOut() {
    rememberOptOut(true);
    await this.#stop();
    if (!this.#loading && this.#settings) await eraseStored(this.#settings).catch(() => {});
  }

  async optIn() {
    rememberOptOut(false);
    this.#decide(true);
    await this.#with((device) => device.optIn());
  }

  async ledger() {
    return (await this.#with((device) => device.ledger())) ?? [];
  }

  async sharing() {
    return (await this.#with((device) => device.sharing())) ?? [];
  }

  flush() {
    return this.#with((device) => device.flush());
  }

  /**
   * Runs a call on the device. What fails is silent, and nothing keeps a page waiting for a consent that may never
   * come.
   */
  async #with<T>(call: Call<T>): Promise<T | undefined> {
    if (!this.#isMeasured()) return undefined;
    try {
      const device = this.#isAllowed && (await this.#loading);
      return device && this.#isAllowed ? await call(device) : undefined;
    } catch {
      return undefined;
    }
  }

  /** The same for what happened: before there is a decision it is kept, in memory only. */
  #happened<T>(call: Call<T>): Promise<T | undefined> {
    if (!this.#isAllowed && !this.#isDenied && this.#isMeasured()) this.#kept.push(call);
    return this.#with(call);
  }

  /** Whether the page that is open now is one that the publisher has measured. */
  #isMeasured(): boolean {
    return !!this.#settings && !isExcluded(this.#settings, location.pathname);
  }

  #decide(isGranted: boolean): void {
    if (!this.#settings) return;
    this.#isDenied = isObjecting() || hasOptedOut();
    if (this.#isDenied) return;
    if (!isGranted) return void this.#stop();
    if (this.#isAllowed) return;
    this.#isAllowed = true;
    if (this.#device) return void this.#device.optIn();
    this.#watch(this.#settings);
    this.#start(this.#settings);
  }

  /** Loads the device, once: with the first page that is not excluded. */
  #start(settings: Settings): void {
    if (this.#loading || !this.#isAllowed || !this.#isMeasured()) return;
    this.#loading = this.#begin(settings).catch(() => undefined);
    for (const call of this.#kept.splice(0)) void this.#with(call);
  }

  /** Consent was taken back, or never given: what was stored is erased. */
  async #stop(): Promise<void> {
    this.#isAllowed = false;
    this.#isDenied = true;
    this.#kept = [];
    await (await this.#loading)?.optOut().catch(() => {});
  }

  async #begin(settings: Settings): Promise<Device> {
    const { addressBar, debug } = settings;
    await whenShown();
    await whenIdle();
    const [{ openDevice }, trace] = await Promise.all([
      loadDevice(),
      debug ? loadPanel().then((panel) => panel.openPanel()) : undefined,
    ]);
    const device = await openDevice({ ...settings, loadTokens, trace });
    // A device that opted out by a consent since given again.
    if (await device.isOptedOut()) await device.optIn();
    this.#device = device;
    await device.begin(this.#evidence!);
    if (addressBar) device.flush().then(() => this.#tagAddressBar());
    return device;
  }

  #watch(settings: Settings): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const isWatched = () => this.#isAllowed && this.#isMeasured();
    watchShares({
      seen: (channel, page) => void (isWatched() && this.share(channel, page)),
      tagged: (channel, page) => (isWatched() ? this.#device?.link(channel, page) : undefined),
    });
    watchRoutes(() => {
      this.#start(settings);
      if (settings.addressBar && isWatched()) this.#tagAddressBar();
    });
    addEventListener("pagehide", () => this.#isAllowed && this.#device?.leave());
    addEventListener("online", () => void this.flush());
  }

  /** Only where the fragment is free, and never on the home page, which people bookmark. */
  #tagAddressBar(): void {
    const { pathname, hash, href } = location;
    if (pathname === "/" || (hash && !/^#tct=[^&]*$/.test(hash))) return;
    const tagged = this.#device?.barAddress(href);
    if (tagged && tagged !== href) history.replaceState(history.state, "", tagged);
  }
}

/**
 * What the page was opened with, before a router changes the address. Memory only, until there is consent. Who comes by
 * an excluded page comes, to the others, from within the site.
 */
function gatherEvidence(settings: Settings): Evidence {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const { href, pathname } = location;
  const referrer = isExcluded(settings, pathname) ? href : document.referrer;
  return {
    url: href,
    referrer,
    userAgent: navigator.userAgent,
    navigation: navigation?.type ?? "navigate",
    landingPages: [],
  };
}

/** Erases what an earlier page stored, where this one has not loaded the device. */
async function eraseStored(settings: Settings): Promise<void> {
  const stored = await indexedDB.databases();
  if (!stored.some(({ name }) => name === `tacita-${settings.publisher}`)) return;
  const { openDevice } = await loadDevice();
  await (await openDevice({ ...settings, loadTokens, trace: undefined })).optOut();
}

/** The address that is open; none on a server. */
const openPage = (): string => (typeof location === "undefined" ? "" : location.href);

/** A page that is rendered ahead of its visit is not a visit yet. */
const whenShown = async (): Promise<void> => {
  if ((document as { prerendering?: boolean }).prerendering) {
    await new Promise((shown) => document.addEventListener("prerenderingchange", shown, { once: true }));
  }
};

const whenIdle = (): Promise<unknown> =>
  new Promise((idle) =>
    typeof requestIdleCallback === "function" ? requestIdleCallback(idle, { timeout: 2000 }) : setTimeout(idle, 200),
  );
