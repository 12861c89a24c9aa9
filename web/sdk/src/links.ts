// `@tacita/web/links`: tagged links for servers, templates and newsletters (spec/links.md). It needs no browser.

export { type Channel, channelByName, shareUrl } from "./protocol/channel.js";
export {
  encodeTag,
  type LinkTag,
  parseTag,
  reshare,
  type TagError,
  type TagStyle,
  tagAddress,
  tagOfAddress,
  utmAddress,
} from "./protocol/tag.js";
