// Generated from crates/protocol/channels.toml by scripts/generate-channels.mjs. Do not edit.
// Text rather than objects: it is smaller, and read once, in the device chunk.

/** A channel a line: code, name, kind, share, then lists: agents, previews, hosts, packages, sources, mediums, params, clicks. */
export const ROWS = `1\twhatsapp\tp\thttps://wa.me/?text={both}\twa4a/#|waios/#|whatsapp/#\t^whatsapp/ & !^whatsapp/2$|whatsapp/0.|whatsapp/# & electron/\twhatsapp.com|whatsapp.net|wa.me\tcom.whatsapp|com.whatsapp.w4b\twa|whats-app|whatsapp-business\twhatsapp\t\t
2\tmessenger\tp\tfb-messenger://share?link={url}\tfban/messenger*|fb_iab/messenger*|fban/orca*|fb_iab/orca*|fban/mlite|fb_iab/mlite|fbpn/com.facebook.orca|fbpn/com.facebook.mlite|metaiab messenger\t\tmessenger.com|m.me\tcom.facebook.orca|com.facebook.mlite\tfacebook-messenger|fb-messenger|fbmessenger\tmessenger\t\t
3\ttelegram\tp\thttps://t.me/share/url?url={url}&text={text}\ttelegram-android|telegram-ios|telegram/#|telegram #|telegram desktop|tdesktop/\ttelegrambot\ttelegram.org|telegram.me|telegram.dog|t.me\torg.telegram.messenger|org.telegram.messenger.web|org.telegram.plus|org.thunderdog.challegram\ttg|t.me\ttelegram\t\t
4\tsignal\tp\t\t\t^whatsapp$|^whatsapp/2$\tsignal.me|signal.group\torg.thoughtcrime.securesms\tsignal-messenger|signal-app\t\t\t
5\twechat\tp\t\tmicromessenger|windowswechat|macwechat|wxwork\t\twechat.com|weixin.qq.com|wx.qq.com\tcom.tencent.mm|com.tencent.wework\tweixin|wechat-session|wechat-timeline|wxwork|micromessenger\twechat|weixin\tfrom=singlemessage|from=groupmessage|isappinstalled\t
6\tviber\tp\tviber://forward?text={both}\tviber/\t^viber$\tviber.com|vb.me\tcom.viber.voip\t\tviber\t\t
7\tline\tp\thttps://social-plugins.line.me/lineit/share?url={url}&text={text}\tline/#\tlinespider|line-poker\tline.me|lin.ee\tjp.naver.line.android\tline-app|line-messenger\t\t\t
8\tkakaotalk\tp\t\tkakaotalk\tkakaotalk-scrap\tpf.kakao.com|open.kakao.com|link.kakao.com\tcom.kakao.talk\tkakao|kakao-talk\tkakaotalk|kakao\t\t
9\timessage\tp\tsms:?&body={both}\t\tfacebookexternalhit/ & facebot & twitterbot/\t\t\ti-message|apple-messages\timessage\t\t
10\tsms\tp\tsms:?&body={both}\t\t\tmessages.google.com|messages.android.com\tcom.google.android.apps.messaging|com.samsung.android.messaging|com.android.mms\trcs|mms|text-message\tsms|rcs|mms\t\t
11\temail\tp\tmailto:?subject={text}&body={url}\t\t\tmail.|webmail.|email.|mail.google.com|mail.yahoo.com|mail.yahoo.co.jp|mail.aol.com|mail.ru|outlook.live.com|outlook.office.com|outlook.office365.com|outlook.cloud.microsoft|mail.proton.me|safelinks.protection.outlook.com|deref-mail.com|deref-gmx.net|deref-web.de|mail.qq.com|mail.163.com\tcom.google.android.gm|com.google.android.gm.lite|com.microsoft.office.outlook|com.yahoo.mobile.client.android.mail|com.samsung.android.email.provider|ch.protonmail.android|com.fsck.k9|net.thunderbird.android|me.bluemail.mail|com.readdle.spark|com.aol.mobile.aolapp|ru.mail.mailapp|de.gmx.mobile.android.mail|de.web.mobile.android.mail\te-mail|mail|gmail|outlook|mailto\t\t\t
12\tslack\tp\t\tslack_ssb|slack/#\tslackbot|slack-imgproxy|slack-linkexpanding\tslack.com|slack-redir.net\tcom.slack\t\tslack\t\t
13\tteams\tp\thttps://teams.microsoft.com/share?href={url}&msgText={text}\tteams/#|teamsmobile\tskypeuripreview|skypespaces\tteams.microsoft.com|teams.live.com|teams.cloud.microsoft|statics.teams.cdn.office.net|teams.public.onecdn.static.microsoft\tcom.microsoft.teams|com.skype.raider\tms-teams|msteams|microsoft-teams|skype\tteams|skype\t\t
14\tdiscord\tp\t\tdiscord/#|discord-*\tdiscordbot\tdiscord.com|discordapp.com|discord.gg\tcom.discord\t\tdiscord\t\t
15\tsnapchat\tp\t\tsnapchat/|snapchat#|snapchat #\tsnap url preview|snapurlpreview\tsnapchat.com\tcom.snapchat.android\tsnap\tsnapchat\t\t
16\tinstagram-direct\tp\t\t\t\t\t\tig-direct|ig-dm|instagram-dm\tinstagram-direct|instagram-dm\t\t
17\tzalo\tp\t\tzalo\t\tzalo.me|zaloapp.com\tcom.zing.zalo\t\tzalo\tzarsrc\t
19\tnative\tp\t\t\t\t\t\tnative-share|web-share|share-sheet\t\t\t
20\tcopy\tp\t\t\t\t\t\tcopy-link|copied-link|clipboard\t\t\t
33\tinstagram\tu\t\tinstagram #|instagram/#|fban/instagram*|fb_iab/instagram*|metaiab instagram|fbpn/com.instagram.android\t\tinstagram.com|ig.me\tcom.instagram.android|com.instagram.lite\tig|insta\t\t\t
34\tthreads\tu\thttps://www.threads.com/intent/post?text={text}&url={url}\tbarcelona #|barcelona/#|metaiab threads|fbpn/com.instagram.barcelona\t\tthreads.net|threads.com\tcom.instagram.barcelona\t\t\t\t
32\tfacebook\tu\thttps://www.facebook.com/sharer/sharer.php?u={url}\tfban/|fbav/|fb_iab/|fbios|fb4a|fbpn/com.facebook.|metaiab|iabmv/#\tfacebookexternalhit|facebookcatalog|facebot|meta-externalhit|meta-externalfetcher\tfacebook.com|fb.me|fb.com|facebook.net|workplace.com\tcom.facebook.katana|com.facebook.lite|com.facebook.work\tfb\t\t\t
35\tx\tu\thttps://x.com/intent/post?url={url}&text={text}\ttwitter for|twitterandroid|twitter/#\ttwitterbot/\tx.com|twitter.com|t.co\tcom.twitter.android|com.twitter.android.lite\ttwitter|tweet\ttwitter\t\ttwclid
36\tlinkedin\tu\thttps://www.linkedin.com/sharing/share-offsite/?url={url}\tlinkedinapp|linkedin/#\tlinkedinbot\tlinkedin.com|lnkd.in\tcom.linkedin.android\t\tlinkedin\t\tli_fat_id
37\treddit\tu\thttps://www.reddit.com/submit?url={url}&title={text}\treddit/\tredditbot\treddit.com|redd.it\tcom.reddit.frontpage\t\treddit\t\trdt_cid
38\tpinterest\tu\thttps://www.pinterest.com/pin/create/button/?url={url}&description={text}\tpinterest/ios|pinterest/android|pinterest for\tpinterestbot|^pinterest/#.#\tpinterest.com|pinterest.info|=pinterest.*|pin.it\tcom.pinterest\t\tpinterest\t\tepik
39\ttiktok\tu\t\tmusical_ly|trill_#|bytedancewebview|tiktok/#|tiktok #\t\ttiktok.com|douyin.com\tcom.zhiliaoapp.musically|com.zhiliaoapp.musically.go|com.ss.android.ugc.trill\ttik-tok\ttiktok\t\tttclid
40\tweibo\tu\thttps://service.weibo.com/share/share.php?url={url}&title={text}\tweibo*\t\tweibo.com|weibo.cn|t.cn\tcom.sina.weibo\t\tweibo\t\t
41\tmastodon\tu\t\t\tmastodon/#|pleroma #|misskey/#|akkoma #|friendica\tmastodon.|mstdn.|toot.|mas.to|mamot.fr|pawoo.net|fosstodon.org|hachyderm.io|chaos.social|infosec.exchange|techhub.social|social.tchncs.de|mastodonapp.uk|universeodon.com|troet.cafe\torg.joinmastodon.android\t\t\t\t
42\tbluesky\tu\thttps://bsky.app/intent/compose?text={both}\t\t^bluesky*\tbsky.app|bsky.social|skyfeed.app\txyz.blueskyweb.app\tbsky\t\t\t
43\tmeta\tU\t\t\t\t\t\t\t\t\tfbclid
44\tsocial\tu\t\t\tvkshare|^tumblr/\tyoutube.com|youtu.be|vk.com|vk.ru|vkontakte.ru|ok.ru|odnoklassniki.ru|my.mail.ru|tumblr.com|t.umblr.com|quora.com|xing.com|news.ycombinator.com|flipboard.com|bilibili.com|douban.com|qzone.qq.com|twitch.tv|medium.com|substack.com|pixelfed.social|vimeo.com|livejournal.com|story.kakao.com|mixi.jp|nextdoor.com\tcom.google.android.youtube|com.vkontakte.android|com.tumblr|com.quora.android|flipboard.app\tyoutube|vk|tumblr|quora|xing|hackernews|flipboard\tsocial|social-media|social-network|sm\t\t
64\tsearch\to\t\tgsa/#\t\t=google.*|=bing.com|=cn.bing.com|search.yahoo.com|search.yahoo.co.jp|duckduckgo.com|=yandex.*|=ya.ru|baidu.com|sogou.com|=so.com|=sm.cn|search.naver.com|search.daum.net|ecosia.org|qwant.com|startpage.com|search.brave.com|kagi.com|search.seznam.cz|search.aol.com|=ask.com|lilo.org|swisscows.com|mojeek.com|go.mail.ru|coccoc.com|presearch.com|search.marginalia.nu\tcom.google.android.googlequicksearchbox|com.duckduckgo.mobile.android\tsearch|google|bing|duckduckgo|yahoo|yandex|baidu|ecosia|qwant|naver\torganic\t\t
65\tai-assistant\to\t\t\t\tchatgpt.com|chat.openai.com|labs.openai.com|claude.ai|perplexity.ai|gemini.google.com|bard.google.com|notebooklm.google.com|copilot.microsoft.com|copilot.com|grok.com|chat.deepseek.com|chat.mistral.ai|meta.ai|chat.qwen.ai|you.com|duck.ai|iask.ai|poe.com|chatglm.cn|yiyan.baidu.com|ai.baidu.com|chatplus.com|chat-gpt.org|app.jasper.ai|app.writesonic.com|kimi.com|doubao.com\tcom.openai.chatgpt|com.anthropic.claude|ai.perplexity.app.android|com.google.android.apps.bard|com.microsoft.copilot|com.deepseek.chat|ai.x.grok|ai.mistral.chat\tai-assistant|chatgpt|openai|perplexity|claude|copilot|gemini|deepseek\t\t\t
66\tnewsletter\to\t\t\t\t\t\tnewsletter|mailing|emailing|mailchimp|brevo|sendinblue|hubspot|klaviyo|substack\temail|e-mail|newsletter|mail\tmc_cid|mc_eid|_hsenc|mkt_tok\t
67\tcampaign\to\t\t\t\t\t\t\t\t\tgclid|gbraid|wbraid|dclid|msclkid|yclid|sccid
68\treferral\to\t\t\t\t\t\t\t\t\t
96\tinferred\tP\t\t\t\t\t\t\t\t\t
97\tdirect\to\t\t\t\t\t\t\t\t\t`;

/** Keys of utm_source, utm_medium and utm_campaign; endings that say nothing of a source's channel. */
export const DECLARED = `utm_source|mtm_source|pk_source
utm_medium|mtm_medium|pk_medium
utm_campaign|mtm_campaign|pk_campaign
-share|-shares|-sharing|-button|-btn|-group|-status|-channel|-story|-stories|-feed|-post|-page|-ad|-ads|-app|-web|-mobile|-android|-ios|-bot|-social|-organic|-paid|-cpc`;

/** First labels of a host that do not make it another site. */
export const SITE_LABELS = `www|m|mobile|amp`;

/** Robots of no channel: those that make previews, and all others. */
export const ROBOTS = `embedly|iframely|mattermost-bot|bingpreview|microsoftpreview|web preview|webpreview|link preview|linkpreview|link-preview|url preview|urlpreview|uripreview|previewbot|preview-bot|unfurl*|synapse & bot|rocket.chat|zulipurlpreview*|nextcloud server crawler|opengraph*
*bot & !cubot|*bot/|*robot|*bots|*crawl*|*spider*|*slurp*|*scrap*|*archiv*|*harvest*|*indexer*|*headless*|phantomjs*|*lighthouse*|*pagespeed*|*pingdom*|*monitor*|*uptime*|*checker*|*validator*|*fetch*|*feed* & !mobile|scanner*|*inspect*|*analyz*|*synthetic*|catchpoint*|gomezagent|selenium*|puppeteer*|playwright*|*prerender*|*google-*|google favicon|*mediapartners*|*externalagent*|-agent|-user|*scan/|*survey|ptst/|zgrab*|nikto*|siteimprove*|*audit*|*resolver|gecko; compatible|# (compatible; & !^mozilla/#.# (compatible;|^mozilla/5.0 (compatible & !msie & !konqueror & !windows & !opera|python*|curl/|wget*|libwww-perl*|^libwww*|*httpclient*|http-client*|go-http*|okhttp/|^java/|axios/|node-fetch*|guzzle*|^ruby|^perl|^php|^got|undici|aiohttp/|httpx/|^http|colly*|nutch*|heritrix*|cfnetwork/ & !^mozilla/|dalvik/ & !^mozilla/|!^mozilla/ & !^opera/ & !( & !midp|*http://*|*https://*|www.*`;
