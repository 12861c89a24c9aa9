//! Any address, referrer and user agent: the visit is classified, and the same way each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_fuzz::{joined, parts, plant};
use tacita_protocol::arrival::{Evidence, Navigation, Visitor, classify};

fn seeds() -> Vec<Vec<u8>> {
    vec![
        joined(&[
            "https://news.example/a?utm_source=whatsapp&utm_medium=share",
            "",
            "Mozilla/5.0 WA4A/2.26.30.97",
            "/news",
        ]),
        joined(&["https://news.example/a/b", "android-app://org.telegram.messenger/", "Mozilla/5.0", ""]),
        joined(&["https://news.example/#/a?from=groupmessage", "https://l.facebook.com/", "MicroMessenger/8.0", "#/a"]),
        joined(&[
            "https://xn--bcher-kva.example./?fbclid=1",
            "https://www.google.co.uk/",
            "TelegramBot (like TwitterBot)",
            "",
        ]),
    ]
}

fuzz_target!(init: plant("protocol_arrival", seeds()), |bytes: &[u8]| {
    let [url, referrer, user_agent, landing] = parts(bytes);
    for navigation in [Navigation::Navigate, Navigation::Reload, Navigation::BackForward] {
        let landing_pages = [landing.clone()];
        let evidence =
            Evidence { url: &url, referrer: &referrer, user_agent: &user_agent, navigation, landing_pages: &landing_pages };
        let visitor = classify(&evidence);
        assert_eq!(visitor, classify(&evidence));
        if let Visitor::Person(arrival) = visitor {
            assert!(arrival.tag.is_none_or(|tag| tag.channel == arrival.channel));
        }
    }
});
