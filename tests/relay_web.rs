//! A relay for the web as a process: what it prints is what it serves, and kill -9 loses no click that was on disk.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    thread,
    time::Duration,
};

use crate::support::{Server, free_port, path, tacita, tacita_ok};

/// SHA-384 of nothing.
const EMPTY: &str = "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb";
const ANY_KEY: &str = "5866666666666666666666666666666666666666666666666666666666666666";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0";

/// A relay of publisher 1 whose collector is away, with a link and a build of the SDK that holds one empty file.
fn relay(folder: &Path) -> Server {
    let (sdk, links, data) = (folder.join("dist"), folder.join("links.toml"), folder.join("relay"));
    fs::create_dir(&sdk).unwrap();
    fs::write(sdk.join("tacita.js"), "").unwrap();
    fs::write(sdk.join("integrity.json"), format!("{{\"tacita.js\":\"{EMPTY}\"}}")).unwrap();
    fs::write(&links, "[[link]]\ncode = \"ferry\"\nto = \"https://news.example/night-ferry\"\n").unwrap();
    let port = free_port();
    let (listen, collector) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{}", free_port()));
    let args =
        ["relay", "--publisher", "1", "--collector", &collector, "--signing-key", ANY_KEY, "--key", "tacita_1_x"];
    let own = ["--listen", &listen, "--data", path(&data), "--sdk", path(&sdk), "--links", path(&links)];
    Server::start(port, folder.join("relay.log"), &[&args[..], &own].concat())
}

fn get(relay: &Server, address: &str) -> String {
    let mut stream = TcpStream::connect(relay.url().strip_prefix("http://").unwrap()).unwrap();
    let request = format!("GET {address} HTTP/1.1\r\nhost: r\r\nuser-agent: {FIREFOX}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("not within a minute: {what}");
}

#[test]
fn clicks_on_disk_outlive_kill_9_and_are_counted_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = relay(folder.path());
    let data = folder.path().join("relay");
    // Over midnight a second row follows, so the last column is added up.
    let clicks = || {
        let csv = tacita_ok(&["relay", "links", "--csv", path(&data)]);
        assert!(csv.starts_with("day,code,android,ios,desktop,other,all\n"), "{csv}");
        csv.lines().skip(1).map(|row| row.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    for _ in 0..3 {
        assert!(get(&relay, "/s/ferry").contains("location: https://news.example/night-ferry"));
    }
    until("three clicks are on disk", || clicks() == 3);
    relay.kill();
    assert_eq!(clicks(), 3);
    relay.restart();
    get(&relay, "/s/ferry");
    until("the fourth is on disk", || clicks() == 4);
    assert!(tacita_ok(&["relay", "links", path(&data)]).contains("ferry"));
}

#[test]
fn the_element_that_is_printed_is_the_file_that_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let relay = relay(folder.path());
    let dist = folder.path().join("dist");
    let printed = tacita_ok(&["relay", "sri", path(&dist), "--publisher", "1", "--signing-key", ANY_KEY]);
    let element = printed.lines().next().unwrap();
    assert!(element.contains(EMPTY) && element.contains("data-publisher=\"1\""), "{element}");
    until("the relay prints it too", || fs::read_to_string(folder.path().join("relay.log")).unwrap().contains(element));
    let address = element.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(get(&relay, address).contains("immutable"));

    fs::write(dist.join("tacita.js"), "changed").unwrap();
    let refused = tacita(&["relay", "sri", path(&dist)]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("build anew"));
}
