//! The links by their codes, and where each leads.
//!
//! Nothing that a visitor sends can name a target: there is no open redirect.

use std::collections::HashMap;

use tacita_protocol::tag::{LinkTag, TagStyle};

use super::declared::{self, Problem};

/// Links by their codes.
#[derive(Clone, Default)]
pub(crate) struct LinkTable(HashMap<String, Link>);

/// Where a code leads.
#[derive(Clone)]
pub(crate) struct Link {
    /// With the tag and `utm_` parameters that were declared.
    pub(super) to: String,
    pub(super) style: TagStyle,
}

impl LinkTable {
    /// Reads a file of links.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        declared::read(text).map(Self)
    }

    pub(crate) fn get(&self, code: &str) -> Option<&Link> {
        self.0.get(code)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Link {
    /// Where a request with this query is sent: its parameters follow the target's own, and a tag among them takes the
    /// place of the declared one, since it was made by the share itself. What is beyond ASCII in it is percent-encoded:
    /// servers take it in a request, and an address in a header may not hold it.
    pub(crate) fn location(&self, query: Option<&str>) -> String {
        let Some(query) = query.filter(|query| !query.is_empty()) else { return self.to.clone() };
        let query = &in_ascii(query);
        let (address, fragment) = match self.to.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (self.to.as_str(), None),
        };
        let mark = match address.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        let mut location = format!("{address}{mark}{query}");
        if let Some(fragment) = fragment {
            location.extend(["#", fragment]);
        }
        let shared = LinkTag::from_url(&format!("?{query}"));
        shared.and_then(|tag| tag.append_to(&location, self.style).ok()).unwrap_or(location)
    }
}

/// A query with every byte beyond ASCII percent-encoded.
fn in_ascii(query: &str) -> String {
    let mut ascii = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            ..0x80 => ascii.push(char::from(byte)),
            _ => ascii.push_str(&format!("%{byte:02X}")),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    const TAGGED: &str =
        "[[link]]\ncode = \"wa\"\nto = \"https://acme.example/shoes\"\ncampaign = 7\nchannel = \"whatsapp\"";

    fn tag(generation: u8) -> LinkTag {
        LinkTag { campaign: 7, channel: "whatsapp".parse().unwrap(), cohort: 0, generation }
    }

    fn location(file: &str, code: &str, query: Option<&str>) -> String {
        LinkTable::parse(file).unwrap().get(code).unwrap().location(query)
    }

    #[test]
    fn a_declared_tag_is_in_the_fragment_or_where_it_cannot_be_in_the_query() {
        let tct = format!("tct={}", tag(0));
        assert_eq!(location(TAGGED, "wa", None), format!("https://acme.example/shoes#{tct}"));
        let anchored = TAGGED.replace("shoes", "shoes#sizes");
        assert_eq!(location(&anchored, "wa", None), format!("https://acme.example/shoes?{tct}#sizes"));
        let query = format!("{TAGGED}\nstyle = \"query\"\nutm-campaign = \"spring sale\"");
        let utm = "utm_source=whatsapp&utm_medium=share&utm_campaign=spring%20sale";
        assert_eq!(location(&query, "wa", None), format!("https://acme.example/shoes?{utm}&{tct}"));
    }

    #[test]
    fn the_requests_query_follows_and_its_tag_takes_the_place_of_the_declared_one() {
        let tct = format!("tct={}", tag(0));
        assert_eq!(location(TAGGED, "wa", Some("a=1")), format!("https://acme.example/shoes?a=1#{tct}"));
        let own = TAGGED.replace("shoes", "shoes?size=9");
        assert_eq!(location(&own, "wa", Some("a=1&a=2")), format!("https://acme.example/shoes?size=9&a=1&a=2#{tct}"));
        let reshared = format!("tct={}", tag(3));
        let with_tag = location(TAGGED, "wa", Some(&format!("a=1&{reshared}")));
        assert_eq!(with_tag, format!("https://acme.example/shoes?a=1#{reshared}"));
        assert_eq!(
            location(TAGGED, "wa", Some("tct=made-up")),
            format!("https://acme.example/shoes?tct=made-up#{tct}")
        );
    }

    #[test]
    fn a_query_beyond_ascii_is_percent_encoded() {
        assert_eq!(
            location(TAGGED, "wa", Some("q=%0d\u{e9}0a")).split('#').next(),
            Some("https://acme.example/shoes?q=%0d%C3%A90a")
        );
    }

    #[test]
    fn the_example_is_one() {
        let example = include_str!("../../../../examples/links.toml");
        assert!(location(example, "spring-wa", None).starts_with("https://acme.example/shoes?utm_source=whatsapp"));
        assert_eq!(location(example, "ferry", None), "https://news.example/articles/night-ferry");
    }

    #[test]
    fn nothing_that_a_request_says_leads_to_another_site() {
        let plain = "[[link]]\ncode = \"x\"\nto = \"https://news.example\"";
        for query in
            ["@evil.example", "//evil.example", "/../..", ".evil.example", "#@evil.example", "?", "&", "\\evil"]
        {
            let location = location(plain, "x", Some(query));
            assert_eq!(Url::parse(&location).unwrap().host_str(), Some("news.example"), "{location}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_query_whatever_leads_to_another_site(query in "[!-\"$-~]{0,80}") {
            for to in ["https://news.example", "https://news.example/a?b#c", "https://news.example/a?"] {
                let file = format!("[[link]]\ncode = \"x\"\nto = \"{to}\"\ncampaign = 7\nchannel = \"whatsapp\"");
                let leads_to = Url::parse(&location(&file, "x", Some(&query))).unwrap();
                let declared = Url::parse(to).unwrap();
                proptest::prop_assert_eq!(leads_to.origin(), declared.origin());
                proptest::prop_assert_eq!(leads_to.path(), declared.path());
                proptest::prop_assert!(leads_to.username().is_empty());
            }
        }
    }
}
