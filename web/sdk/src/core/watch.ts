// Sees shares: the site's own share links, the share sheet, copied addresses. It changes nothing but the link that is shared.

import { channelOfShareLink, isThisSite, retag } from "./share-links.js";

export interface Shares {
  /** The page was shared to a channel. */
  seen(channel: string): void;
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

const tagLink = (href: string, channel: string, shares: Shares): string =>
  retag(href, true, (page) => shares.tagged(channel, page));

/** Clicks on share links, in the capture phase: the tag is in before the browser follows the link. */
function watchLinks(shares: Shares): void {
  const onClick = (event: Event) => {
    const link = event.composedPath().find((target): target is HTMLAnchorElement => target instanceof HTMLAnchorElement && !!target.href);
    const channel = link && channelOfShareLink(link.href);
    if (!channel) return;
    link.href = tagLink(link.href, channel, shares);
    shares.seen(channel);
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
    shares.seen(channel);
    return open.call(window, tagLink(href, channel, shares), ...rest);
  };
}

/** The device's share sheet. It never tells the app; it does tell that the link was handed over. */
function watchShareSheet(shares: Shares): void {
  const share = navigator.share?.bind(navigator);
  if (!share) return;
  navigator.share = async (data) => {
    const url = data?.url && new URL(data.url, location.href).href;
    const tagged = url && isThisSite(url) ? shares.tagged("native", url) : undefined;
    await share(tagged ? { ...data, url: tagged } : data);
    shares.seen("native");
  };
}

/** Copy buttons, and copies of a selection that is an address of this site. Copying the address bar is seen by no page. */
function watchCopies(shares: Shares): void {
  const tagText = (text: string) => retag(text, false, (page) => shares.tagged("copy", page));
  const holdsAddress = (text: string) => text.split(/\s+/).some(isThisSite);
  const clipboard = navigator.clipboard;
  const write = clipboard?.writeText?.bind(clipboard);
  if (write) {
    clipboard.writeText = async (text) => {
      if (!holdsAddress(text)) return write(text);
      await write(tagText(text));
      shares.seen("copy");
    };
  }
  addEventListener("copy", (event) => {
    const text = selectedText();
    if (event.defaultPrevented || !holdsAddress(text)) return;
    event.clipboardData?.setData("text/plain", tagText(text));
    event.preventDefault();
    shares.seen("copy");
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
