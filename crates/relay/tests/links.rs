//! Short links: where they lead, what is counted, and that nothing is kept of who clicked.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::PathBuf, sync::Arc};

use tacita_protocol::{tag::LinkTag, time::SystemClock};
use tacita_relay::{Relay, RunningRelay, links::totals};
use tokio::net::TcpListener;

use crate::support::{
    http::{exchange_exactly, header},
    *,
};

const LINKS: &str = r#"
[[link]]
code = "ferry"
to = "https://news.example/articles/night-ferry?from=home"

[[link]]
code = "shoes"
to = "https://acme.example/shoes"
campaign = 7
channel = "whatsapp"
cohort = 3
"#;

const ANDROID: &str =
    "user-agent: Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 Chrome/139.0 Mobile Safari/537.36\r\n";
const FIREFOX: &str = "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0\r\n";

struct Served {
    double: RunningDouble,
    data: tempfile::TempDir,
    file: PathBuf,
    relay: RunningRelay,
}

async fn serve() -> Served {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let file = data.path().join("links.toml");
    fs::write(&file, LINKS).unwrap();
    let mut config = double.config(data.path());
    config.links = Some(file.clone());
    let relay = start(config).await;
    Served { double, data, file, relay }
}

impl Served {
    async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        exchange_exactly(self.relay.address(), &format!("{method} {path} HTTP/1.1\r\n{headers}"), b"").await
    }

    async fn location(&self, path: &str) -> String {
        let (head, _) = self.ask("GET", path, ANDROID).await;
        assert!(head.starts_with("HTTP/1.1 302"), "{head}");
        header(&head, "location").unwrap().to_owned()
    }

    /// What is on disk, without the day.
    fn clicks(&self) -> Vec<String> {
        let totals = totals::read(self.data.path()).unwrap().into_iter();
        totals.map(|total| format!("{} {} {}", total.code, total.platform, total.clicks)).collect()
    }
}

#[tokio::test]
async fn a_code_leads_to_its_target_with_the_tag_and_the_requests_query() {
    let served = serve().await;
    assert_eq!(served.location("/s/ferry").await, "https://news.example/articles/night-ferry?from=home");
    let asked = served.location("/s/ferry?utm_source=x&a=%C3%A9").await;
    assert_eq!(asked, "https://news.example/articles/night-ferry?from=home&utm_source=x&a=%C3%A9");

    let tag = LinkTag { campaign: 7, channel: "whatsapp".parse().unwrap(), cohort: 3, generation: 0 };
    assert_eq!(served.location("/s/shoes").await, format!("https://acme.example/shoes#tct={tag}"));
    let shared = tag.reshare("telegram".parse().unwrap());
    let asked = served.location(&format!("/s/shoes?a=1&tct={shared}")).await;
    assert_eq!(asked, format!("https://acme.example/shoes?a=1#tct={shared}"));
}

#[tokio::test]
async fn the_answer_sets_no_cookie_is_not_cached_and_names_only_the_site_that_was_left() {
    let served = serve().await;
    let (head, body) = served.ask("GET", "/s/ferry", &format!("{ANDROID}cookie: id=1\r\n")).await;
    assert_eq!(header(&head, "cache-control"), Some("no-store"));
    assert_eq!(header(&head, "referrer-policy"), Some("strict-origin"));
    assert_eq!(header(&head, "set-cookie"), None);
    assert!(body.is_empty());
}

#[tokio::test]
async fn an_unknown_code_is_a_page_that_says_so_and_nothing_names_a_target_but_the_publisher() {
    let served = serve().await;
    for path in
        ["/s/nothing", "/s/FERRY", "/s/https:%2F%2Fevil.example", "/s/ferry%2F..", "/s/nothing?to=https://evil.example"]
    {
        let (head, body) = served.ask("GET", path, ANDROID).await;
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
        assert_eq!(header(&head, "content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(header(&head, "content-security-policy"), Some("default-src 'none'"));
        assert_eq!(header(&head, "location"), None);
        assert!(String::from_utf8_lossy(&body).contains("No such link"));
    }
    for path in ["/s/", "/s", "/s/ferry/more"] {
        let (head, _) = served.ask("GET", path, ANDROID).await;
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
    }
    for query in ["@evil.example", "//evil.example/", "to=https://evil.example", "url=javascript:alert(1)"] {
        assert!(
            served
                .location(&format!("/s/ferry?{query}"))
                .await
                .starts_with("https://news.example/articles/night-ferry?")
        );
    }
    let (head, _) = served.ask("POST", "/s/ferry", ANDROID).await;
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
}

#[tokio::test]
async fn clicks_are_counted_and_what_no_person_asked_for_is_answered_and_not_counted() {
    let served = serve().await;
    for agent in [ANDROID, ANDROID, FIREFOX] {
        served.ask("GET", "/s/ferry", agent).await;
    }
    served.ask("GET", "/s/shoes", FIREFOX).await;
    let not_clicks = [
        ("HEAD", FIREFOX.to_owned()),
        ("GET", String::new()),
        ("GET", "user-agent: WhatsApp/2.23.20.0\r\n".to_owned()),
        ("GET", "user-agent: TelegramBot (like TwitterBot)\r\n".to_owned()),
        ("GET", "user-agent: Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)\r\n".to_owned()),
        ("GET", format!("{ANDROID}sec-purpose: prefetch\r\n")),
        ("GET", format!("{FIREFOX}sec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n")),
    ];
    for (method, headers) in &not_clicks {
        let (head, _) = served.ask(method, "/s/ferry", headers).await;
        assert!(head.starts_with("HTTP/1.1 302") && head.contains("night-ferry"), "{headers}: {head}");
    }
    served.ask("GET", "/s/nothing", FIREFOX).await;
    let expected = ["ferry android 2", "ferry desktop 1", "shoes desktop 1"];
    until("the totals are on disk", || served.clicks() == expected).await;
}

#[tokio::test]
async fn totals_go_on_after_a_drain_and_hold_nothing_of_who_clicked() {
    let served = serve().await;
    served
        .ask(
            "GET",
            "/s/ferry?who=me",
            &format!("{ANDROID}referer: https://me.example/\r\nx-forwarded-for: 192.0.2.77\r\n"),
        )
        .await;
    let mut config = served.double.config(served.data.path());
    config.links = Some(served.file.clone());
    served.relay.shutdown().await;
    let folder = served.data.path().join("links");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), "code,platform,clicks\nferry,android,1\n");

    let relay = start(config).await;
    let served = Served { relay, ..served };
    served.ask("GET", "/s/ferry", ANDROID).await;
    // Over midnight there would be two days.
    let sum =
        || served.clicks().iter().map(|total| total.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>();
    until("both clicks are on disk", || sum() == 2).await;
}

#[tokio::test]
async fn a_changed_file_is_read_again() {
    let served = serve().await;
    let status = async |path: &str| served.ask("GET", path, ANDROID).await.0[9..12].to_owned();
    fs::write(&served.file, LINKS.replace("\"ferry\"", "\"boat\"")).unwrap();
    for _ in 0..3_000 {
        if status("/s/boat").await == "302" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!((status("/s/boat").await, status("/s/ferry").await), ("302".into(), "404".into()));
}

#[tokio::test]
async fn a_file_that_does_not_hold_ends_the_start_by_name() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let file = data.path().join("links.toml");
    let refused = async || {
        let mut config = double.config(data.path());
        config.links = Some(file.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Relay::start(config, listener, Arc::new(SystemClock)).await.err().unwrap().to_string()
    };
    assert!(refused().await.contains("links.toml: No such file"));
    fs::write(&file, "[[link]]\ncode = \"a b\"\nto = \"https://a.example\"").unwrap();
    let told = refused().await;
    assert!(told.contains("links.toml:2: link 'a b': a code has 1 to 64"), "{told}");
}
