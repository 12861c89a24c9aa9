//! What counts as a click on a short link: a person's browser that goes there, as far as a request can tell.

use std::{fmt, str::FromStr};

use http::{HeaderMap, Method, header};
use tacita_protocol::arrival::{Evidence, Navigation, Visitor, classify};

/// What kind of device clicked, as coarse as it gets. An iPad calls itself a Macintosh and counts as a desktop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Platform {
    /// Android.
    Android,
    /// An iPhone, iPod or older iPad.
    Ios,
    /// Windows, macOS, Linux, ChromeOS.
    Desktop,
    /// Anything else.
    Other,
}

impl Platform {
    /// All four, in the order of tables.
    pub const ALL: [Platform; 4] = [Platform::Android, Platform::Ios, Platform::Desktop, Platform::Other];

    /// The name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Platform::Android => "android",
            Platform::Ios => "ios",
            Platform::Desktop => "desktop",
            Platform::Other => "other",
        }
    }

    fn of(agent: &str) -> Self {
        let says = |names: &[&str]| names.iter().any(|name| agent.contains(name));
        match () {
            () if says(&["Android"]) => Platform::Android,
            () if says(&["iPhone", "iPad", "iPod"]) => Platform::Ios,
            () if says(&["Windows NT", "Macintosh", "CrOS", "X11", "Linux"]) => Platform::Desktop,
            () => Platform::Other,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Platform {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|platform| platform.name() == name).ok_or(())
    }
}

/// The platform of a click; `None` for a request that is answered and not counted: `HEAD`, a preview or another robot by
/// the channel table, no user agent, a page fetched ahead, or anything but a navigation.
pub(crate) fn platform_of_click(method: &Method, headers: &HeaderMap) -> Option<Platform> {
    let agent =
        headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).filter(|agent| !agent.is_empty())?;
    let is_click = method == Method::GET && !is_ahead(headers) && is_navigation(headers) && is_person(agent);
    is_click.then(|| Platform::of(agent))
}

/// Browsers that fetch or render a page before anyone asked for it say so.
fn is_ahead(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().flat_map(|name| headers.get_all(*name)).any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        [&b"prefetch"[..], b"prerender", b"preview"]
            .iter()
            .any(|word| value.windows(word.len()).any(|part| part == *word))
    })
}

/// A browser that says what it fetches for must be opening a page: no image, script, frame or `fetch`.
fn is_navigation(headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| headers.get(name).is_none_or(|value| value == word);
    says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document")
}

fn is_person(user_agent: &str) -> bool {
    let evidence = Evidence { url: "", referrer: "", user_agent, navigation: Navigation::Navigate, landing_pages: &[] };
    matches!(classify(&evidence), Visitor::Person(_) | Visitor::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                          Version/18.5 Mobile/15E148 Safari/604.1";

    fn platform(method: Method, headers: &[(&'static str, &str)]) -> Option<Platform> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        platform_of_click(&method, &headers)
    }

    #[test]
    fn the_platform_is_coarse() {
        let of = |agent: &str| platform(Method::GET, &[("user-agent", agent)]).unwrap();
        assert_eq!(of(IPHONE), Platform::Ios);
        assert_eq!(
            of("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/139.0 Mobile"),
            Platform::Android
        );
        assert_eq!(of("Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"), Platform::Desktop);
        assert_eq!(
            of("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"),
            Platform::Desktop
        );
        assert_eq!(of("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0"), Platform::Desktop);
        assert_eq!(of("Mozilla/5.0 (PlayStation 5) AppleWebKit/605.1.15"), Platform::Other);
        for platform in Platform::ALL {
            assert_eq!(platform.name().parse(), Ok(platform));
        }
    }

    #[test]
    fn what_no_person_asked_for_is_no_click() {
        assert_eq!(platform(Method::GET, &[("user-agent", IPHONE)]), Some(Platform::Ios));
        assert_eq!(platform(Method::HEAD, &[("user-agent", IPHONE)]), None);
        assert_eq!(platform(Method::GET, &[]), None);
        assert_eq!(platform(Method::GET, &[("user-agent", "")]), None);
        let robots = [
            "WhatsApp/2.23.20.0",
            "WhatsApp/2",
            "TelegramBot (like TwitterBot)",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "curl/8.14.1",
        ];
        for robot in robots {
            assert_eq!(platform(Method::GET, &[("user-agent", robot)]), None, "{robot}");
        }
        let ahead = [
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
        ];
        let embedded = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("sec-fetch-dest", "iframe")];
        for header in ahead.into_iter().chain(embedded) {
            assert_eq!(platform(Method::GET, &[("user-agent", IPHONE), header]), None, "{header:?}");
        }
        let clicked = [("user-agent", IPHONE), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(platform(Method::GET, &clicked), Some(Platform::Ios));
        assert!(
            platform(Method::GET, &[("user-agent", &format!("{IPHONE} [WAiOS/2.26.31]"))]).is_some(),
            "a reader in an app"
        );
    }
}
