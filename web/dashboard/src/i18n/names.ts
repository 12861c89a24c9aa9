// Names of apps and networks: the same in every language.

export const NAMES: Readonly<Record<string, string>> = {
  whatsapp: "WhatsApp", messenger: "Messenger", telegram: "Telegram", signal: "Signal", wechat: "WeChat", viber: "Viber", line: "LINE",
  kakaotalk: "KakaoTalk", imessage: "iMessage", slack: "Slack", teams: "Teams", discord: "Discord", snapchat: "Snapchat", zalo: "Zalo",
  instagram: "Instagram", threads: "Threads", facebook: "Facebook", x: "X", linkedin: "LinkedIn", reddit: "Reddit", pinterest: "Pinterest",
  tiktok: "TikTok", weibo: "Weibo", mastodon: "Mastodon", bluesky: "Bluesky", meta: "Meta",
};
