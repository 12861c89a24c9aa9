// Which channel a share link of the site's own is for. Links to a chat or a profile, which carry no address, are none.

/** Channel, then the beginnings of the addresses that open its share sheet. */
const SHEETS = `whatsapp //wa.me/ //api.whatsapp.com/send //web.whatsapp.com/send whatsapp:
messenger fb-messenger: //www.facebook.com/dialog/send //m.me/
telegram //t.me/share //telegram.me/share tg:
viber viber:
line //social-plugins.line.me/lineit //line.me/R/ line:
sms sms:
email mailto: //mail.google.com/mail
teams //teams.microsoft.com/share
facebook //www.facebook.com/sharer //www.facebook.com/share.php //www.facebook.com/dialog/share //facebook.com/sharer //m.facebook.com/sharer
threads //www.threads.com/intent //www.threads.net/intent
x //x.com/intent //x.com/share //twitter.com/intent //twitter.com/share
linkedin //www.linkedin.com/sharing //www.linkedin.com/shareArticle //linkedin.com/
reddit //www.reddit.com/submit //reddit.com/submit
pinterest //www.pinterest.com/pin/create //pinterest.com/pin/create
weibo //service.weibo.com/share
bluesky //bsky.app/intent`
  .split("\n")
  .map((row) => row.split(" "));

/** The channel of a share link; undefined for any other address. */
export function channelOfShareLink(href: string): string | undefined {
  const address = href.replace(/^https?:/, "");
  const sheet = SHEETS.find(([, ...starts]) => starts.some((start) => address.startsWith(start)));
  return sheet && /https?(:|%3a)/i.test(address.slice(4)) ? sheet[0] : undefined;
}

/**
 * An address of this site inside a text or a share link, bare or percent-encoded; it ends at white space or a
 * separator.
 */
const EMBEDDED = /https?(?:%3A%2F%2F(?:(?!%20|%0A|%0D)[^&\s#])+|:\/\/[^\s"'<>]+)/gi;

/** The text with every address of this site's replaced by its tagged one, where `tagged` gives one. */
export function retag(text: string, isLink: boolean, tagged: (page: string) => string | undefined): string {
  return text.replace(EMBEDDED, (found, at: number) => {
    // The share link's own beginning is not what it shares.
    if (isLink && at === 0) {
      const inner = found.indexOf("?") + 1;
      return inner ? found.slice(0, inner) + retag(found.slice(inner), true, tagged) : found;
    }
    const [bare, rest] = addressIn(found, isLink);
    const page = isThisSite(bare) ? tagged(bare) : undefined;
    if (page === undefined) return found;
    return (isLink ? encodeURIComponent(page) : page) + rest;
  });
}

/**
 * The address that stands bare or encoded in a text, and what follows: in a link's query a bare one ends at the next
 * parameter.
 */
function addressIn(found: string, isLink: boolean): [bare: string, rest: string] {
  if (/^https?%/i.test(found)) return [decode(found), ""];
  return isLink ? cutAt(found, "&") : [found, ""];
}

function cutAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function isThisSite(address: string): boolean {
  try {
    return new URL(address).host === location.host;
  } catch {
    return false;
  }
}
