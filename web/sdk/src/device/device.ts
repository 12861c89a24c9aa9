// The device of one visitor at one publisher: one page session, what is shared and converted in it, consent
// (spec/device.md).

import { type Arrival, classify, type Evidence, routeOf, webAddress } from "../protocol/arrival.js";
import { type Channel, channelByName } from "../protocol/channel.js";
import { labelsOf } from "../protocol/domain.js";
import type { Campaign } from "../protocol/manifest.js";
import { encodeTag, type LinkTag, parseTag, reshare, tagAddress, utmAddress } from "../protocol/tag.js";
import { areKept, placesIn } from "./catalogues.js";
import { type Context, clock, type DeviceSettings, momentOf } from "./context.js";
import { envelopesOf, flush, slotKey } from "./flush.js";
import { whenIdle } from "./idle.js";
import { arrived, converted, type OccurrenceOf, rememberArrival, shared } from "./occurrence.js";
import { refreshManifest, rememberManifest } from "./refresh.js";
import { forgetSharing, rememberShare, type SharingLine, sharingLines } from "./sharing.js";
import { answer, type Moment, note, openSessionSlots } from "./slots.js";
import { type DeviceState, newState, type OpenSlot } from "./state.js";
import { openStorage } from "./storage.js";
import { relayTransport } from "./transport.js";

/** What a brand has been told in an epoch, and what it may be told at most; in millionths of ε. */
export interface LedgerLine {
  readonly brand: number;
  readonly epoch: number;
  readonly spentMicro: number;
  readonly boundMicro: number;
}

/** Pauses between attempts after one that failed, in seconds. */
const RETRY_SECONDS = [5, 30, 120, 600];

/** Where a tab remembers the tag by which its visit came, for re-shares from further pages. */
const TAG_KEY = "tacita-tag";

/** What is to be recorded of something that happened, worked out with the manifest that measures it. */
type Recording = (moment: Moment) => Promise<(state: DeviceState) => OpenSlot[]>;

export async function openDevice(settings: DeviceSettings): Promise<Device> {
  const storage = await openStorage(settings.publisher);
  const tab = `tacita-${settings.publisher}-${crypto.randomUUID()}`;
  const context: Context = { settings, storage, transport: relayTransport(settings.relay), tab, manifest: undefined };
  await rememberManifest(context);
  return new Device(context);
}

export class Device {
  readonly #context: Context;
  /** What happened before there was a manifest to measure it by. */
  #unrecorded: Recording[] = [];
  #cameBy: LinkTag | undefined;
  /** Robots are never measured. */
  #isInert = false;
  /** Gives the tab's lock back. */
  #release: (() => void) | undefined;
  /** Envelopes that are durable and may leave with the page. Undefined while what they say is being changed. */
  #leaving: Uint8Array<ArrayBuffer>[] | undefined;
  #changes = 0;
  /** The session ended with the page; one that comes back from the back-forward cache begins no other. */
  #hasLeft = false;
  #flushing: Promise<void> | undefined;
  #isFlushDue = false;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Classifies the visit, and for a person from elsewhere begins a session. */
  async begin(evidence: Evidence): Promise<Arrival | undefined> {
    const visitor = classify({ ...evidence, landingPages: this.#context.settings.landingPages });
    this.#isInert = visitor.is === "preview" || visitor.is === "robot";
    if (this.#isInert) return undefined;
    const isArrival =
      visitor.is === "person" && evidence.navigation !== "reload" && evidence.navigation !== "back_forward";
    this.#cameBy = visitor.is === "person" ? visitor.arrival.tag : rememberedTag();
    if (isArrival) {
      const { arrival } = visitor;
      sessionStorage.setItem(TAG_KEY, arrival.tag ? encodeTag(arrival.tag) : "");
      this.#trace({ what: "arrived", channel: arrival.channel.name, grade: arrival.grade });
      await this.#holdTab();
      await this.#record(async (moment) => (state) => {
        rememberArrival(state, arrival, moment.manifest, moment.now);
        forgetSharing(state, moment.manifest, moment.now);
        const opened = answer(state, moment, arrived(arrival, state, moment.now));
        const slots = openSessionSlots(state, moment);
        if (slots.length) state.sessions.push({ tab: this.#context.tab, slots });
        return opened;
      });
      return arrival;
    }
    this.#schedule();
    return undefined;
  }

  /**
   * A page was shared to a channel, and with it a content: the one named, or the page's own. Gives the page's tagged
   * link.
   */
  async share(name: string, page = location.href, content = contentOf(page)): Promise<string | undefined> {
    const channel = channelByName(name);
    if (!channel?.isShareTarget || this.#isInert) return undefined;
    await this.#happened(async ({ manifest, now }) => {
      const placeOf = await placesIn(this.#context, manifest, content);
      return (state) => {
        rememberShare(state, channel, manifest, now);
        return shared((campaign) => this.#tag(campaign, channel), content, placeOf);
      };
    });
    return this.link(name, page);
  }

  /** The person converted; credited to the last remembered arrival of each campaign. */
  async convert(value?: number): Promise<void> {
    if (!this.#isInert)
      await this.#happened(
        async ({ now }) =>
          (state) =>
            converted(state, value, now),
      );
  }

  /** An address for sharing it to a channel; undefined without a campaign, or where it is no web address. */
  link(name: string, page: string): string | undefined {
    const { linkStyle, utm } = this.#context.settings;
    const [channel, campaign] = [channelByName(name), this.#campaign()];
    if (!channel || !campaign) return undefined;
    const tag = this.#tag(campaign.id, channel);
    const tagged = tagAddress(tag, page, linkStyle);
    return tagged && utm ? utmAddress(tag, tagged, campaign.name) : tagged;
  }

  /** The address of a page for the address bar: the tag of a copy, in the fragment, and nothing else. */
  barAddress(page: string): string | undefined {
    const [channel, campaign] = [channelByName("copy"), this.#campaign()];
    return channel && campaign && tagAddress(this.#tag(campaign.id, channel), page);
  }

  async ledger(): Promise<LedgerLine[]> {
    const boundMicro = this.#context.manifest?.ledgerBoundMicro ?? 0;
    const ledger = await this.#context.storage.look(({ ledger }) => ledger);
    return ledger.flatMap(({ querier, epoch, micro }) =>
      typeof querier === "number" ? { brand: querier, epoch, spentMicro: micro, boundMicro } : [],
    );
  }

  /** Where this device remembers to have shared, in the present and the last window of each length. */
  sharing(): Promise<SharingLine[]> {
    return this.#context.storage.look((state) => sharingLines(state, clock()));
  }

  /** Erases what the device holds, unsent reports included; a spent budget stays spent (spec/device.md §7). */
  async optOut(): Promise<void> {
    this.#unrecorded = [];
    this.#leaving = undefined;
    sessionStorage.removeItem(TAG_KEY);
    await this.#context.storage.update((state) => {
      const spentThrough = Math.max(state.spentThrough, state.secret?.epoch ?? 0);
      delete state.manifest;
      delete state.secret;
      Object.assign(state, newState(), { optedOut: true, spentThrough, budgetSince: state.budgetSince });
    });
    this.#context.manifest = undefined;
    await this.#context.storage.dropCatalogues([]);
  }

  isOptedOut(): Promise<boolean> {
    return this.#context.storage.look((state) => state.optedOut);
  }

  async optIn(): Promise<void> {
    await this.#context.storage.update((state) => void (state.optedOut = false));
    this.#schedule();
  }

  /**
   * The page is being left: what is sealed leaves in a request that outlives it. The next page sends the same bytes
   * again.
   */
  leave(): void {
    this.#hasLeft = true;
    if (this.#leaving?.length) {
      this.#context.transport.submitAndLeave(this.#leaving.slice(0, 128));
      this.#trace({ what: "left", count: this.#leaving.length });
    }
    this.#leaving = undefined;
    this.#release?.();
    this.#release = undefined;
    clearTimeout(this.#retry);
  }

  /** Sends what waits; resolves when nothing more can be done now. */
  async flush(): Promise<void> {
    if (this.#isInert) return;
    this.#isFlushDue = true;
    this.#flushing ??= this.#flushWhileDue().finally(() => (this.#flushing = undefined));
    await this.#flushing;
  }

  /** What happened: event slots are answered now, session slots hold it until the session ends. */
  async #happened(prepare: (moment: Moment) => Promise<(state: DeviceState) => OccurrenceOf>): Promise<void> {
    await this.#record(async (moment) => {
      const occurrence = await prepare(moment);
      return (state) => {
        const occurrenceOf = occurrence(state);
        const session = state.sessions.find(({ tab }) => tab === this.#context.tab);
        if (session && !this.#hasLeft) note(session.slots, moment.manifest, occurrenceOf);
        return answer(state, moment, occurrenceOf);
      };
    });
  }

  async #record(recording: Recording): Promise<void> {
    this.#leaving = undefined;
    this.#changes++;
    const { manifest } = this.#context;
    // Another tab may have taken a newer manifest, with other catalogues.
    if (manifest && !(await areKept(this.#context, manifest))) await rememberManifest(this.#context);
    const moment = momentOf(this.#context);
    if (moment) await this.#recordNow(recording, moment).catch((error) => this.#trace({ what: "trouble", error }));
    else this.#unrecorded.push(recording);
    this.#schedule();
  }

  async #recordNow(recording: Recording, moment: Moment): Promise<void> {
    const record = await recording(moment);
    const opened = await this.#context.storage.update((state) => (state.optedOut ? [] : record(state)));
    for (const slot of opened) {
      const measure = moment.manifest.measures.find(({ id }) => id === slot.measure)!;
      const value = labelsOf(measure.dimensions, slot.cell);
      this.#trace({ what: "answered", slot: slotKey(slot), measure: measure.name, value, exhausted: slot.exhausted });
    }
  }

  #schedule(): void {
    void whenIdle().then(() => this.flush());
  }

  async #flushWhileDue(): Promise<void> {
    while (this.#isFlushDue) {
      this.#isFlushDue = false;
      try {
        // One tab at a time talks to the relay.
        await navigator.locks.request(`tacita-${this.#context.settings.publisher}`, () => this.#flushOnce());
        this.#failures = 0;
      } catch (error) {
        this.#trace({ what: "trouble", error });
        clearTimeout(this.#retry);
        this.#retry = setTimeout(
          () => this.flush(),
          1000 * RETRY_SECONDS[Math.min(this.#failures++, RETRY_SECONDS.length - 1)]!,
        );
      }
    }
  }

  async #flushOnce(): Promise<void> {
    const { storage, tab } = this.#context;
    if (await storage.look((state) => state.optedOut)) return;
    const change = this.#changes;
    if (this.#unrecorded.length) await refreshManifest(this.#context);
    for (const moment = momentOf(this.#context); moment && this.#unrecorded.length; ) {
      await this.#recordNow(this.#unrecorded.shift()!, moment);
    }
    try {
      await flush(this.#context);
    } finally {
      const leaving = await storage.look(({ outbox, sessions }) => {
        const own = sessions.filter((session) => session.tab === tab).flatMap(({ slots }) => slots);
        return envelopesOf([...outbox, ...own.flatMap(({ draft }) => draft ?? [])]);
      });
      // What happened meanwhile may have made a draft void: then nothing leaves with the page, and the next one sends
      // it.
      if (change === this.#changes && !this.#hasLeft) this.#leaving = leaving;
    }
  }

  /** Holds the tab's lock, by which other tabs see that its session goes on. It is given back with the page. */
  #holdTab(): Promise<void> {
    return new Promise((held) => {
      navigator.locks.request(this.#context.tab, () => {
        held();
        return new Promise<void>((release) => (this.#release = release));
      });
    });
  }

  /** The campaign of shared links: that by which the visit came, the publisher's choice, or the first. */
  #campaign(): Campaign | undefined {
    const campaigns = this.#context.manifest?.campaigns ?? [];
    const listed = (wanted: number | undefined) => campaigns.find(({ id }) => id === wanted);
    return listed(this.#cameBy?.campaign) ?? listed(this.#context.settings.campaign) ?? campaigns[0];
  }

  #tag(campaign: number, channel: Channel): LinkTag {
    const cameBy = this.#cameBy;
    return cameBy?.campaign === campaign ? reshare(cameBy, channel) : { campaign, channel, cohort: 0, generation: 0 };
  }

  #trace(...[trace]: Parameters<NonNullable<DeviceSettings["trace"]>>): void {
    this.#context.settings.trace?.(trace);
  }
}

function rememberedTag(): LinkTag | undefined {
  const tag = parseTag(sessionStorage.getItem(TAG_KEY) ?? "");
  return typeof tag === "object" ? tag : undefined;
}

/**
 * The content that a page of the site is, by its id in a catalogue: what the page says of itself
 * (`<meta name="tacita-content" content="…">`), or its path.
 */
function contentOf(page: string): string | undefined {
  const url = webAddress(page);
  if (!url) return undefined;
  const told = document.querySelector<HTMLMetaElement>("meta[name=tacita-content]")?.content;
  return told && routeOf(url) === routeOf(new URL(location.href)) ? told : routeOf(url) || "/";
}
