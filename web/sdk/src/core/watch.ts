// Sees shares: the site's own share links, the share sheet, copied addresses. It changes nothing but the link that is
// shared.

import { channelOfShareLink, isThisSite, retag } from "./share-links.js";

export interface Shares {
  /** A page was shared to a channel: the one that is open, unless another of the site is named. */
  seen(channel: string, page: string | undefined): void;
  /** The tagged form of one of this site's addresses; undefined while there is none. */
  tagged(channel: string, page: string): string | undefined;
}

/** Watches until the page ends. */
export function watchShares(shares: Shares): void {
  watchLinks(shares);
  watchWindows(shares);
  watchShareSheet(shares);
  watchCopies(shares);
}

/** A text with its addresses of this site tagged, and the first of them as it stood. */
function tagText(
  text: string,
  isLink: boolean,
  channel: string,
  shares: Shares,
): [tagged: string, page: string | undefined] {
  let first: string | undefined;
  const tagged = retag(text, isLink, (page) => {
    first ??= page;
    return shares.tagged(channel, page);
  });
  return [tagged, first];
}

/** Clicks on share links, in the capture phase: the tag is in before the browser follows the link. */
function watchLinks(shares: Shares): void {
  const onClick = (event: Event) => {
    const link = event
      .composedPath()
      .find((target): target is HTMLAnchorElement => target instanceof HTMLAnchorElement && !!target.href);
    const channel = link && channelOfShareLink(link.href);
    if (!channel) return;
    const [tagged, page] = tagText(link.href, true, channel, shares);
    link.href = tagged;
    shares.seen(channel, page);
  };
  for (const kind of ["click", "auxclick"]) addEventListener(kind, onClick, true);
}

/** Share buttons that open a window by script. */
function watchWindows(shares: Shares): void {
  const open = window.open;
  window.open = function (this: unknown, address, ...rest) {
    const href = address === undefined ? "" : String(address);
    const channel = channelOfShareLink(href);
    if (!channel) return open.call(window, address, ...rest);
    const [tagged, page] = tagText(href, true, channel, shares);
    shares.seen(channel, page);
    return open.call(window, tagged, ...rest);
  };
}

/** The device's share sheet. It never tells the app; it does tell that the link was handed over. */
function watchShareSheet(shares: Shares): void {
  const share = navigator.share?.bind(navigator);
  if (!share) return;
  navigator.share = async (data) => {
    const url = data?.url && new URL(data.url, location.href).href;
    const page = url && isThisSite(url) ? url : undefined;
    const tagged = page && shares.tagged("native", page);
    await share(tagged ? { ...data, url: tagged } : data);
    shares.seen("native", page);
  };
}

/**
 * Copy buttons, and copies of a selection that is an address of this site. Copying the address bar is seen by no page.
 */
function watchCopies(shares: Shares): void {
  const holdsAddress = (text: string) => text.split(/\s+/).some(isThisSite);
  const clipboard = navigator.clipboard;
  const write = clipboard?.writeText?.bind(clipboard);
  if (write) {
    clipboard.writeText = async (text) => {
      if (!holdsAddress(text)) return write(text);
      const [tagged, page] = tagText(text, false, "copy", shares);
      await write(tagged);
      shares.seen("copy", page);
    };
  }
  addEventListener("copy", (event) => {
    const text = selectedText();
    if (event.defaultPrevented || !holdsAddress(text)) return;
    const [tagged, page] = tagText(text, false, "copy", shares);
    event.clipboardData?.setData("text/plain", tagged);
    event.preventDefault();
    shares.seen("copy", page);
  });
}

/** What is selected, in a text field too: copy buttons of old select there. */
function selectedText(): string {
  const active = document.activeElement;
  if (active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement) {
    return active.value.slice(active.selectionStart ?? 0, active.selectionEnd ?? 0);
  }
  return getSelection()?.toString() ?? "";
}
