//! The channel table held against what browsers, apps and robots really send, and against the vectors that both
//! languages share.

#![expect(clippy::unwrap_used, reason = "a test's own data is known to be well-formed")]

use std::{collections::BTreeMap, fs, path::Path};

use proptest::prelude::*;
use serde_json::Value;
use tacita_protocol::{
    arrival::{Evidence, Navigation, Visitor, classify},
    channel::{Channel, Grade},
    tag::{LinkTag, TagError, TagStyle},
};

/// Data that is too large, or not ours, to be in the repository.
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// What a test reads of the shared data; says by name what it skips where the folder is absent.
fn shared(test: &str, file: &str) -> Option<String> {
    let path = Path::new(SHARED).join(file);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped {test}: {} is absent", path.display());
    }
    text
}

/// Who is seen to open a page that nobody types, with this agent and nothing else.
fn visitor(user_agent: &str) -> Visitor {
    classify(&Evidence {
        url: "https://news.example/2026/a-story",
        referrer: "",
        user_agent,
        navigation: Navigation::Navigate,
        landing_pages: &[],
    })
}

/// What the table says of a visitor, in the words of this test.
fn told(visitor: Visitor) -> String {
    match visitor {
        Visitor::Person(arrival) if arrival.grade == Grade::App => arrival.channel.to_string(),
        Visitor::Person(_) => "browser".into(),
        Visitor::Internal => "internal".into(),
        Visitor::Preview(channel) => format!("preview of {}", channel.map_or("none", Channel::name)),
        Visitor::Robot => "robot".into(),
    }
}

/// Whether what was told is what a line of the corpus asks for.
fn is_right(kind: &str, label: &str, told: &str) -> bool {
    let label = label.to_lowercase();
    let channel = match label.as_str() {
        "twitter" => "x",
        "google app" => "search",
        "embedly" | "iframely" | "mattermost" => "none",
        label => label,
    };
    match kind {
        "inapp" => told == channel,
        "preview" => channel.split('/').any(|channel| told == format!("preview of {channel}")),
        "browser" => told == "browser",
        _ => told == "robot" || told.starts_with("preview"),
    }
}

#[test]
fn corpus_is_told_apart() {
    let Some(corpus) = shared("corpus_is_told_apart", "ua/ua_corpus.jsonl") else { return };
    let mut classes: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in corpus.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let [ua, kind, label] = ["ua", "kind", "label"].map(|key| entry[key].as_str().unwrap_or("").to_owned());
        let told = told(visitor(&ua));
        let (right, all) = classes.entry((kind.clone(), label.clone())).or_default();
        *all += 1;
        if is_right(&kind, &label, &told) {
            *right += 1;
        } else {
            wrong.push((kind, label, told, ua));
        }
    }
    println!("{:<9} {:<16} {:>5} of {:>5}", "kind", "label", "right", "all");
    for ((kind, label), (right, all)) in &classes {
        println!("{kind:<9} {label:<16} {right:>5} of {all:>5}");
    }
    for (kind, label, told, ua) in &wrong {
        println!("{kind} {label:?} told as {told}: {ua}");
    }
    // A robot that hides has no word in its agent to tell it by, and some agents listed as browsers are libraries and
    // crawlers. Neither gives anyone a channel. All else is to be right.
    for (kind, label, told, ua) in &wrong {
        let harmless =
            kind == "bot" && told == "browser" || kind == "browser" && (told == "robot" || told == "preview of none");
        assert!(harmless, "{kind} {label:?} told as {told}: {ua}");
    }
}

#[test]
fn hosts_of_the_public_lists_are_never_taken_for_a_private_channel() {
    const TEST: &str = "hosts_of_the_public_lists_are_never_taken_for_a_private_channel";
    let files = ["lists/AIAssistants.yml", "lists/Socials.yml", "lists/SearchEngines.yml"];
    let mut table: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for file in files {
        let Some(list) = shared(TEST, file) else { return };
        for (name, host) in listed_hosts(&list) {
            let arrival = from(&format!("https://{host}/")).arrival().unwrap();
            *table.entry((file, arrival.channel.name())).or_default() += 1;
            // Lists of public places have these private ones in them.
            let known = ["Discord", "Snapchat", "Telegram", "WeChat"].contains(&name.as_str()) || host == "mail.ru";
            assert!(known || !arrival.channel.is_private(), "{name} {host} told as {}", arrival.channel);
            let assistant = file == files[0] && host != "x.com";
            assert!(
                !assistant || arrival.channel.name() == "ai-assistant",
                "{name} {host} told as {}",
                arrival.channel
            );
        }
    }
    for ((file, channel), hosts) in table {
        println!("{file:<24} {channel:<14} {hosts:>4} hosts");
    }
}

/// The hosts of one of Matomo's lists, each with the name above it. Lines such as `'google.{}'` are patterns: left out.
fn listed_hosts(list: &str) -> Vec<(String, String)> {
    let mut name = String::new();
    let mut hosts = Vec::new();
    for line in list.lines() {
        if !line.starts_with(' ') {
            name = line.trim_end_matches(':').trim_matches('"').to_owned();
        } else if let Some(host) = line.trim().strip_prefix("- ") {
            let host = host.split('/').next().unwrap_or_default();
            let is_host = host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            // Package ids stand among the hosts.
            if is_host && !["com.", "org.", "linkedin.android"].iter().any(|package| host.starts_with(package)) {
                hosts.push((name.clone(), host.to_owned()));
            }
        }
    }
    hosts
}

fn from(referrer: &str) -> Visitor {
    classify(&Evidence {
        url: "https://news.example/2026/a-story",
        referrer,
        user_agent: "",
        navigation: Navigation::Navigate,
        landing_pages: &[],
    })
}

/// One file of `spec/vectors/`.
fn vectors(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn cases<'a>(vectors: &'a Value, key: &str) -> &'a [Value] {
    let cases = vectors[key].as_array().unwrap();
    assert!(!cases.is_empty(), "{key} is empty");
    cases
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{key} of {case}"))
}

fn tag(value: &Value) -> LinkTag {
    let number = |key: &str| value[key].as_u64().unwrap();
    LinkTag {
        campaign: number("campaign").try_into().unwrap(),
        channel: text(value, "channel").parse().unwrap(),
        cohort: number("cohort").try_into().unwrap(),
        generation: number("generation").try_into().unwrap(),
    }
}

fn tag_or_none(value: &Value) -> Option<LinkTag> {
    (!value.is_null()).then(|| tag(value))
}

#[test]
fn vectors_of_arrivals_hold() {
    let vectors = vectors("channels.json");
    let wrong: Vec<String> = cases(&vectors, "cases").iter().filter_map(wrong_arrival).collect();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with a case, if anything is.
fn wrong_arrival(case: &Value) -> Option<String> {
    let pages = case["landing_pages"].as_array().cloned().unwrap_or_default();
    let landing_pages: Vec<String> = pages.iter().map(|page| page.as_str().unwrap().to_owned()).collect();
    let navigation = match case["navigation"].as_str() {
        None => Navigation::Navigate,
        Some("reload") => Navigation::Reload,
        Some("back_forward") => Navigation::BackForward,
        Some(other) => panic!("navigation {other:?}"),
    };
    let visitor = classify(&Evidence {
        url: text(case, "url"),
        referrer: text(case, "referrer"),
        user_agent: text(case, "user_agent"),
        navigation,
        landing_pages: &landing_pages,
    });
    let channel = case["channel"].as_str().map(|name| name.parse::<Channel>().unwrap());
    let right = match (text(case, "visitor"), visitor) {
        ("person", Visitor::Person(arrival)) => {
            Some(arrival.channel) == channel
                && arrival.grade.name() == text(case, "grade")
                && arrival.tag == tag_or_none(&case["tag"])
        }
        ("preview", Visitor::Preview(of)) => of == channel,
        ("internal", Visitor::Internal) | ("robot", Visitor::Robot) => true,
        _ => false,
    };
    (!right).then(|| format!("{visitor:?} for {case}"))
}

#[test]
fn vectors_of_share_addresses_and_codes_hold() {
    let vectors = vectors("channels.json");
    for case in cases(&vectors, "shares") {
        let channel: Channel = text(case, "channel").parse().unwrap();
        let address = channel.share_url(text(case, "link"), text(case, "text"));
        assert_eq!(address.as_deref(), case["address"].as_str(), "{channel}");
    }
    let codes: BTreeMap<String, u64> = serde_json::from_value(vectors["codes"].clone()).unwrap();
    let table: BTreeMap<String, u64> = Channel::all().map(|c| (c.to_string(), c.code().into())).collect();
    assert_eq!(table, codes);
}

#[test]
fn vectors_of_tags_hold() {
    let vectors = vectors("tags.json");
    for case in cases(&vectors, "valid") {
        assert_eq!(tag(case).encode(), text(case, "string"));
        assert_eq!(LinkTag::parse(text(case, "string")), Ok(tag(case)));
    }
    for case in cases(&vectors, "invalid") {
        let error = LinkTag::parse(text(case, "string")).unwrap_err();
        assert_eq!(error_name(error), text(case, "error"), "{case}");
    }
    for case in cases(&vectors, "found") {
        assert_eq!(LinkTag::from_url(text(case, "url")), tag_or_none(&case["tag"]), "{case}");
    }
    for case in cases(&vectors, "reshared") {
        assert_eq!(tag(&case["tag"]).reshare(text(case, "channel").parse().unwrap()), tag(&case["reshared"]));
    }
}

fn error_name(error: TagError) -> &'static str {
    match error {
        TagError::Length => "length",
        TagError::Character => "character",
        TagError::Version => "version",
        TagError::Check => "check",
        TagError::Reserved => "reserved",
        TagError::Channel(_) => "channel",
        TagError::Address => "address",
    }
}

#[test]
fn vectors_of_tagged_addresses_hold_and_tagging_twice_changes_nothing() {
    let vectors = vectors("tags.json");
    for case in cases(&vectors, "appended") {
        let tag = tag(&case["tag"]);
        for (key, style) in [("fragment", TagStyle::Fragment), ("query", TagStyle::Query)] {
            let tagged = tag.append_to(text(case, "url"), style);
            assert_eq!(tagged.as_deref().ok(), case[key].as_str(), "{key} of {case}");
            let Ok(tagged) = tagged else { continue };
            assert_eq!(LinkTag::from_url(&tagged), Some(tag));
            assert_eq!(tag.append_to(&tagged, style), Ok(tagged));
        }
    }
    for case in cases(&vectors, "utm") {
        let address = tag(&case["tag"]).with_utm(text(case, "url"), text(case, "campaign"));
        assert_eq!(address.ok().as_deref(), case["address"].as_str(), "{case}");
    }
}

fn any_tag() -> impl Strategy<Value = LinkTag> {
    let channel = proptest::sample::select(Channel::all().collect::<Vec<_>>());
    (any::<u32>(), channel, any::<u16>(), 0..=7u8).prop_map(|(campaign, channel, cohort, generation)| LinkTag {
        campaign,
        channel,
        cohort,
        generation,
    })
}

/// Text made of what rules look for, and of anything.
fn any_text() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "https://",
        "http://",
        "android-app://",
        "news.example",
        "t.me",
        "com.whatsapp",
        "/",
        "?",
        "#",
        "&",
        "=",
        "%",
        "%zz",
        ":~:",
        "tct=",
        "utm_source=",
        "whatsapp",
        "from=groupmessage",
        "#/",
        "#!",
        ".",
        "Mozilla/5.0 (",
        "Instagram 1",
        "Line/",
        "bot",
        "é",
        "😀",
        "[",
        "@",
        ":",
        "1",
        " ",
        "\0",
        "\n",
    ]);
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(prop_oneof![word.prop_map(str::to_owned), "\\PC{0,4}"], 0..12)
            .prop_map(|words| words.concat()),
    ]
}

proptest! {
    #[test]
    fn a_tag_reads_back_from_its_string(tag in any_tag()) {
        prop_assert_eq!(LinkTag::parse(&tag.encode()), Ok(tag));
    }

    #[test]
    fn what_parses_is_what_is_written(text in "1[0-9a-hjkmnp-tv-z]{14}") {
        if let Ok(tag) = LinkTag::parse(&text) {
            prop_assert_eq!(tag.encode(), text);
        }
    }

    #[test]
    fn a_tag_is_found_in_every_address_it_was_put_in(tag in any_tag(), other in any_tag(), rest in any_text()) {
        let url = format!("https://news.example/{rest}");
        for style in [TagStyle::Fragment, TagStyle::Query] {
            let Ok(once) = other.append_to(&url, style) else { continue };
            let tagged = tag.append_to(&once, style).unwrap();
            prop_assert_eq!(LinkTag::from_url(&tagged), Some(tag), "{}", tagged);
            prop_assert_eq!(tagged.matches(&tag.encode()).count(), 1);
            prop_assert_eq!(tag.append_to(&tagged, style).unwrap(), tagged);
        }
    }

    #[test]
    fn no_text_makes_a_parser_fail(url in any_text(), referrer in any_text(), agent in any_text(), page in any_text()) {
        let landing_pages = [page];
        for navigation in [Navigation::Navigate, Navigation::Reload, Navigation::BackForward] {
            let evidence = Evidence { url: &url, referrer: &referrer, user_agent: &agent, navigation, landing_pages: &landing_pages };
            if let Some(arrival) = classify(&evidence).arrival() {
                prop_assert_eq!(arrival.grade == Grade::Confirmed, arrival.tag.is_some());
                prop_assert_eq!(arrival.grade == Grade::Inferred, arrival.channel == Channel::INFERRED && arrival.tag.is_none());
            }
        }
        let _ = (LinkTag::parse(&url), LinkTag::from_url(&url));
        for channel in Channel::all() {
            let _ = channel.share_url(&url, &referrer);
        }
    }
}
