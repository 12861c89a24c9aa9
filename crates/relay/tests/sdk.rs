//! The SDK's files as a page loads them, from a build on disk.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, io::Read as _, path::Path, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha384};
use tacita_protocol::time::SystemClock;
use tacita_relay::{Relay, RunningRelay, sdk::Sdk};
use tokio::net::TcpListener;

use crate::support::{
    http::{exchange_exactly, header},
    *,
};

const NAMES: [&str; 4] = ["tacita.js", "tacita-device.js", "tacita-panel.js", "tacita-tokens.js"];

fn script(name: &str) -> String {
    format!("/* {name} */{}", "measure();".repeat(100))
}

fn integrity(bytes: &[u8]) -> String {
    format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(bytes)))
}

/// A folder as the SDK's build leaves it, with more in it than pages load.
fn build(folder: &Path) {
    let mut list = serde_json::Map::new();
    for name in NAMES {
        fs::write(folder.join(name), script(name)).unwrap();
        list.insert(name.to_owned(), integrity(script(name).as_bytes()).into());
    }
    fs::write(folder.join("integrity.json"), serde_json::Value::from(list).to_string()).unwrap();
    fs::write(folder.join("index.js"), "export {}").unwrap();
}

struct Served {
    _double: RunningDouble,
    _data: tempfile::TempDir,
    folder: tempfile::TempDir,
    relay: RunningRelay,
}

async fn serve() -> Served {
    let (double, data, folder) =
        (RunningDouble::start().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(folder.path());
    let mut config = double.config(data.path());
    config.sdk = Some(folder.path().to_owned());
    let relay = start(config).await;
    Served { _double: double, _data: data, folder, relay }
}

impl Served {
    async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        exchange_exactly(self.relay.address(), &format!("GET {path} HTTP/1.1\r\n{headers}"), b"").await
    }

    fn version(&self) -> String {
        Sdk::read(self.folder.path()).unwrap().version().to_owned()
    }
}

#[tokio::test]
async fn every_file_has_an_address_that_changes_and_one_that_never_does() {
    let served = serve().await;
    let version = served.version();
    for name in NAMES {
        for (path, cache) in [
            (format!("/{name}"), "public, no-cache"),
            (format!("/tacita/{version}/{name}"), "public, max-age=31536000, immutable"),
        ] {
            let (head, body) = served.get(&path, "").await;
            assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
            assert_eq!(body, script(name).as_bytes());
            assert_eq!(header(&head, "cache-control"), Some(cache));
            for (name, value) in [
                ("content-type", "text/javascript; charset=utf-8"),
                ("access-control-allow-origin", "*"),
                ("cross-origin-resource-policy", "cross-origin"),
                ("x-content-type-options", "nosniff"),
                ("vary", "accept-encoding"),
            ] {
                assert_eq!(header(&head, name), Some(value), "{path}: {head}");
            }
            assert_eq!(header(&head, "set-cookie"), None);
        }
    }
}

#[tokio::test]
async fn a_browser_gets_gzip_and_nothing_where_it_holds_the_file() {
    let served = serve().await;
    let (plain, _) = served.get("/tacita.js", "").await;
    let (zipped, body) = served.get("/tacita.js", "accept-encoding: br, gzip;q=0.8\r\n").await;
    assert_eq!(header(&zipped, "content-encoding"), Some("gzip"));
    let mut unzipped = String::new();
    flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut unzipped).unwrap();
    assert_eq!(unzipped, script("tacita.js"));
    assert!(body.len() < unzipped.len());
    let (refused, _) = served.get("/tacita.js", "accept-encoding: gzip;q=0, br\r\n").await;
    assert_eq!(header(&refused, "content-encoding"), None);

    let (of_plain, of_zipped) = (header(&plain, "etag").unwrap(), header(&zipped, "etag").unwrap());
    assert_ne!(of_plain, of_zipped, "a strong tag stands for the very bytes");
    let held = format!("accept-encoding: gzip\r\nif-none-match: \"other\", {of_zipped}\r\n");
    let (head, body) = served.get("/tacita.js", &held).await;
    assert!(head.starts_with("HTTP/1.1 304") && body.is_empty(), "{head}");
    assert_eq!(header(&head, "etag"), Some(of_zipped));
    let (head, _) = served.get("/tacita.js", &format!("if-none-match: {of_zipped}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");

    let (head, body) = exchange_exactly(served.relay.address(), "HEAD /tacita.js HTTP/1.1\r\n", b"").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.is_empty(), "{head}");
    let length = script("tacita.js").len().to_string();
    assert_eq!(header(&head, "content-length"), Some(length.as_str()));
}

#[tokio::test]
async fn the_list_says_where_each_file_is_and_what_its_integrity_is() {
    let served = serve().await;
    let (head, body) = served.get("/tacita.json", "").await;
    assert_eq!(header(&head, "content-type"), Some("application/json"));
    let list: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(list["version"], served.version());
    assert_eq!(list["files"].as_object().unwrap().len(), NAMES.len());
    for name in NAMES {
        let (_, body) = served.get(list["files"][name]["url"].as_str().unwrap(), "").await;
        assert_eq!(list["files"][name]["integrity"], integrity(&body));
        assert_eq!(list["files"][name]["bytes"], body.len());
    }
    let before = served.version();
    let changed = script("tacita-panel.js") + "//";
    let list = fs::read_to_string(served.folder.path().join("integrity.json")).unwrap();
    let list = list.replace(&integrity(script("tacita-panel.js").as_bytes()), &integrity(changed.as_bytes()));
    fs::write(served.folder.path().join("tacita-panel.js"), changed).unwrap();
    fs::write(served.folder.path().join("integrity.json"), list).unwrap();
    assert_ne!(served.version(), before, "one other byte in one file is another version");
}

#[tokio::test]
async fn nothing_else_in_the_folder_or_above_it_can_be_read() {
    let served = serve().await;
    fs::write(served.folder.path().parent().unwrap().join("tacita-above.js"), "secret").ok();
    let version = served.version();
    for path in [
        "/index.js",
        "/integrity.json",
        "/tacita-above.js",
        "/../tacita-above.js",
        "/tacita/../tacita.js",
        "/%2e%2e/tacita-above.js",
        "/tacita%2ejs/..",
        &format!("/tacita/{version}/../../integrity.json"),
        &format!("/tacita/{version}/index.js"),
        &format!("/tacita/{version}/"),
        "/tacita/0000000000000000/tacita.js",
        "//tacita.js",
        "/tacita.js/",
    ] {
        let (head, body) = served.get(path, "").await;
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
    let (head, _) = exchange_exactly(served.relay.address(), "POST /tacita.js HTTP/1.1\r\n", b"x").await;
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
}

#[tokio::test]
async fn a_build_that_is_missing_or_not_whole_ends_the_start_with_the_remedy() {
    let (double, data, folder) =
        (RunningDouble::start().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let refused = async || {
        let mut config = double.config(data.path());
        config.sdk = Some(folder.path().join("dist"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Relay::start(config, listener, Arc::new(SystemClock)).await.err().unwrap().to_string()
    };
    assert!(refused().await.contains("npm run build"));
    let dist = folder.path().join("dist");
    fs::create_dir(&dist).unwrap();
    build(&dist);
    fs::write(dist.join("tacita-device.js"), "of another build").unwrap();
    let told = refused().await;
    assert!(told.contains("tacita-device.js is not the file") && told.contains("build anew"), "{told}");
    fs::remove_file(dist.join("tacita-device.js")).unwrap();
    assert!(refused().await.contains("npm run build"));
    fs::write(dist.join("integrity.json"), r#"{"tacita.js":"x","../relay.key":"y"}"#).unwrap();
    assert!(refused().await.contains("'../relay.key' is no file of the SDK"));
    fs::write(dist.join("integrity.json"), "{}").unwrap();
    assert!(refused().await.contains("names no tacita.js"));
}
