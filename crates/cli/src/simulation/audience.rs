//! A made-up audience: devices, their sessions, and what each session's page would see.
//!
//! The proportions are invented for the demonstration and printed as such. What the devices do with them is real: addresses,
//! referrers and user agents are classified by the SDK, links carry real tags, and every report takes the real path.

use std::net::{IpAddr, Ipv4Addr};

use rand::{Rng as _, RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha20Rng;
use tacita_client::{ClientError, Device, Recorded, Visit};
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    channel::Channel,
    id::CampaignId,
    tag::{LinkTag, TagStyle},
};

use super::{clock::DeviceClock, drive::Visitor};

/// What one device does.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SimulatedDevice {
    /// What its noise is drawn from: a seed repeats a run to the bit.
    pub(crate) secret: [u8; 32],
    /// Where it connects from.
    pub(crate) address: IpAddr,
    /// Its sessions in order.
    pub(crate) sessions: Vec<SimulatedSession>,
    /// How many seconds after the first one the others are.
    pub(crate) returns_after: u64,
}

/// What happens in one session.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct SimulatedSession {
    /// The page's address.
    pub(crate) url: String,
    /// The page's referrer; empty without one.
    pub(crate) referrer: String,
    /// The browser's user agent.
    pub(crate) user_agent: String,
    /// Where the visitor shares the page to.
    pub(crate) share: Option<Channel>,
    /// What the visitor buys, in the shop's currency.
    pub(crate) conversion: Option<f64>,
}

impl Visitor for SimulatedDevice {
    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn address(&self) -> IpAddr {
        self.address
    }

    fn sessions(&self) -> u64 {
        self.sessions.len() as u64
    }

    fn visit(&self, device: &Device, clock: &DeviceClock) -> Result<Vec<Recorded>, ClientError> {
        let mut recorded = Vec::new();
        for session in &self.sessions {
            session.live(device, &mut recorded)?;
            clock.go_ahead(self.returns_after);
        }
        Ok(recorded)
    }
}

impl SimulatedSession {
    fn live(&self, device: &Device, recorded: &mut Vec<Recorded>) -> Result<(), ClientError> {
        let evidence = Evidence {
            url: &self.url,
            referrer: &self.referrer,
            user_agent: &self.user_agent,
            navigation: Navigation::Navigate,
            landing_pages: &[],
        };
        let Visit::Person(session) = device.begin_session(&evidence)? else { return Ok(()) };
        recorded.push(session.opened().clone());
        if let Some(channel) = self.share {
            recorded.push(session.share(channel)?.recorded);
        }
        if let Some(value) = self.conversion {
            recorded.push(session.convert(Some(value))?);
        }
        recorded.push(session.close()?);
        Ok(())
    }
}

/// How many sessions in a thousand come which way.
const WAYS: [(u32, Way); 20] = [
    (65, Way::Tagged("whatsapp")),
    (20, Way::InApp(WHATSAPP)),
    (25, Way::Tagged("messenger")),
    (15, Way::InApp(MESSENGER)),
    (20, Way::Tagged("telegram")),
    (15, Way::Referrer("android-app://org.telegram.messenger/")),
    (12, Way::Tagged("signal")),
    (18, Way::Tagged("sms")),
    (20, Way::Tagged("copy")),
    (30, Way::Utm("email")),
    (10, Way::Referrer("https://app.slack.com/")),
    (15, Way::InApp(WECHAT)),
    (90, Way::Referrer("https://m.facebook.com/")),
    (40, Way::Referrer("https://t.co/abc")),
    (25, Way::Referrer("https://www.linkedin.com/feed/")),
    (40, Way::Referrer("https://blog.example.org/links")),
    (230, Way::Referrer("https://www.google.com/")),
    (20, Way::Referrer("https://chatgpt.com/")),
    (180, Way::DeepPage),
    (110, Way::FrontPage),
];

/// Where people share to, in a hundred.
const TARGETS: [(u32, &str); 9] = [
    (34, "whatsapp"),
    (14, "messenger"),
    (9, "telegram"),
    (4, "signal"),
    (8, "sms"),
    (9, "email"),
    (12, "copy"),
    (7, "facebook"),
    (3, "x"),
];

/// How a session comes about.
#[derive(Clone, Copy)]
enum Way {
    /// A link that an earlier visitor shared to this channel.
    Tagged(&'static str),
    /// A plain link opened in an app's own browser.
    InApp(&'static str),
    /// A plain link on another site or in an app that says so.
    Referrer(&'static str),
    /// A link with `utm_source`.
    Utm(&'static str),
    /// An article, and nothing that tells how.
    DeepPage,
    /// The front page, and nothing that tells how.
    FrontPage,
}

const BROWSER: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/140.0.0.0 Mobile Safari/537.36";
const WHATSAPP: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
                        Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 WA4A/2.26.30.97";
const MESSENGER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                         Gecko) Mobile/15E148 [FBAN/MessengerForiOS;FBAV/480.0.0.30.109;FBBV/1;FBDV/iPhone15,2]";
const WECHAT: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 \
                      Chrome/126.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.50.2701 NetType/WIFI Language/en";

const SITE: &str = "https://news.example";
const ARTICLES: [&str; 5] =
    ["/politics/budget", "/science/comet", "/culture/festival", "/sport/final", "/food/ten-soups"];

/// A seeded audience of exactly `sessions` sessions.
pub(crate) struct Audience {
    rng: ChaCha20Rng,
    campaign: CampaignId,
    sessions_left: u64,
    devices: u32,
    returns_after: u64,
}

impl Audience {
    /// The audience that this seed stands for; its links carry `campaign`.
    pub(crate) fn new(seed: u64, sessions: u64, campaign: CampaignId) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), campaign, sessions_left: sessions, devices: 0, returns_after: 0 }
    }

    /// The same audience, whose devices come again so many seconds after their first session, and not at once.
    pub(crate) fn returning_after(self, seconds: u64) -> Self {
        Self { returns_after: seconds, ..self }
    }

    /// Most devices come once, some two or three times.
    fn sessions_of_one(&mut self) -> u64 {
        let drawn = match self.rng.random_range(0..100) {
            0..70 => 1,
            70..90 => 2,
            _ => 3,
        };
        drawn.min(self.sessions_left)
    }

    fn session(&mut self) -> SimulatedSession {
        let way = pick(&mut self.rng, &WAYS);
        let article = ARTICLES.choose(&mut self.rng).copied().unwrap_or("/");
        let page = format!("{SITE}{article}");
        let plain = |url: String, referrer: &str, user_agent: &str| (url, referrer.to_owned(), user_agent.to_owned());
        let (url, referrer, user_agent) = match way {
            Way::Tagged(channel) => plain(self.tagged(&page, channel), "", BROWSER),
            Way::InApp(user_agent) => plain(page, "", user_agent),
            Way::Referrer(referrer) => plain(page, referrer, BROWSER),
            Way::Utm(source) => plain(format!("{page}?utm_source={source}&utm_medium=share"), "", BROWSER),
            Way::DeepPage => plain(page, "", BROWSER),
            Way::FrontPage => plain(format!("{SITE}/"), "", BROWSER),
        };
        let share =
            self.rng.random_bool(0.12).then(|| pick(&mut self.rng, &TARGETS)).and_then(|name| name.parse().ok());
        let conversion = self.rng.random_bool(way.conversion_rate()).then(|| self.purchase());
        SimulatedSession { url, referrer, user_agent, share, conversion }
    }

    /// The link as somebody shared it: most are first shares, some are shares of shares.
    fn tagged(&mut self, page: &str, channel: &str) -> String {
        let generation = [1, 1, 1, 1, 2, 2, 3].choose(&mut self.rng).copied().unwrap_or(1);
        let tag = channel.parse::<Channel>().ok().map(|channel| LinkTag {
            campaign: self.campaign.0,
            channel,
            cohort: 0,
            generation,
        });
        tag.and_then(|tag| tag.append_to(page, TagStyle::Fragment).ok()).unwrap_or_else(|| page.to_owned())
    }

    fn purchase(&mut self) -> f64 {
        (f64::exp(2.5 + 1.1 * (self.rng.random::<f64>() + self.rng.random::<f64>())) * 100.0).round() / 100.0
    }
}

impl Iterator for Audience {
    type Item = SimulatedDevice;

    fn next(&mut self) -> Option<SimulatedDevice> {
        let count = self.sessions_of_one();
        if count == 0 {
            return None;
        }
        self.sessions_left -= count;
        self.devices += 1;
        let mut secret = [0; 32];
        self.rng.fill_bytes(&mut secret);
        let sessions = (0..count).map(|_| self.session()).collect();
        let returns_after = self.returns_after;
        Some(SimulatedDevice { secret, address: address(self.devices), sessions, returns_after })
    }
}

impl Way {
    /// People whom a friend sent are likelier to buy.
    fn conversion_rate(self) -> f64 {
        match self {
            Self::Tagged(_) | Self::InApp(_) => 0.05,
            Self::Utm(_) | Self::DeepPage => 0.04,
            Self::Referrer(_) => 0.02,
            Self::FrontPage => 0.03,
        }
    }
}

/// An address of the network that is set aside for benchmarks (RFC 2544).
pub(crate) fn address(device: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(u32::from(Ipv4Addr::new(198, 18, 0, 0)) | device & 0x1_ffff))
}

fn pick<T: Copy>(rng: &mut ChaCha20Rng, weighted: &[(u32, T)]) -> T {
    let total: u32 = weighted.iter().map(|(weight, _)| weight).sum();
    let mut left = rng.random_range(0..total);
    for &(weight, item) in weighted {
        if left < weight {
            return item;
        }
        left -= weight;
    }
    weighted[0].1
}

#[cfg(test)]
mod tests {
    use tacita_protocol::arrival::{Evidence, Navigation, Visitor, classify};

    use super::*;

    fn audience(seed: u64) -> Vec<SimulatedDevice> {
        Audience::new(seed, 5_000, CampaignId(1)).collect()
    }

    #[test]
    fn a_seed_repeats_an_audience_of_exactly_that_many_sessions() {
        assert_eq!(audience(7), audience(7));
        assert_ne!(audience(7), audience(8));
        assert_eq!(audience(7).iter().map(|device| device.sessions.len()).sum::<usize>(), 5_000);
    }

    #[test]
    fn the_evidence_is_classified_as_the_way_it_was_made_for() {
        let mut audience = Audience::new(1, 1, CampaignId(1));
        let mut seen = std::collections::BTreeMap::new();
        for (_, way) in WAYS {
            let expected = match way {
                Way::Tagged(name) => name.to_owned(),
                Way::InApp(WHATSAPP) => "whatsapp".to_owned(),
                Way::InApp(MESSENGER) => "messenger".to_owned(),
                Way::InApp(_) => "wechat".to_owned(),
                Way::Utm(source) => source.to_owned(),
                Way::DeepPage => "inferred".to_owned(),
                Way::FrontPage => "direct".to_owned(),
                Way::Referrer(_) => continue,
            };
            let url = match way {
                Way::Tagged(channel) => audience.tagged("https://news.example/a/b", channel),
                Way::Utm(source) => format!("https://news.example/a/b?utm_source={source}&utm_medium=share"),
                Way::FrontPage => "https://news.example/".to_owned(),
                _ => "https://news.example/a/b".to_owned(),
            };
            let user_agent = if let Way::InApp(agent) = way { agent } else { BROWSER };
            let evidence =
                Evidence { url: &url, referrer: "", user_agent, navigation: Navigation::Navigate, landing_pages: &[] };
            let Visitor::Person(arrival) = classify(&evidence) else { panic!("{expected}: not a person") };
            assert_eq!(arrival.channel.name(), expected);
            seen.insert(expected, arrival.grade);
        }
        assert!(seen.len() >= 9);
    }
}
