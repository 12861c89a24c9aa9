//! The declared links, and where each leads. Nothing that a visitor sends can name a target: there is no open redirect.

use std::collections::HashMap;

use serde::Deserialize;
use tacita_protocol::{
    channel::Channel,
    tag::{LinkTag, TagStyle},
};
use url::Url;

/// The most links.
const MAX_LINKS: usize = 10_000;
const MAX_CODE: usize = 64;
/// The longest target.
const MAX_TARGET: usize = 2_048;

/// The links cannot be used; says which, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidLinks {
    /// It is not TOML, or has other fields.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// There are too many.
    #[error("{0} links: a relay has at most {MAX_LINKS}")]
    Many(usize),
    /// A link breaks a rule.
    #[error("link '{code}': {problem}")]
    Link {
        /// Its code, as written.
        code: String,
        /// The rule.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "link")]
    links: Vec<Declared>,
}

/// One `[[link]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Declared {
    code: String,
    to: String,
    campaign: Option<u32>,
    channel: Option<Channel>,
    cohort: Option<u16>,
    utm_campaign: Option<String>,
    #[serde(default)]
    style: Style,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Style {
    #[default]
    Fragment,
    Query,
}

impl From<Style> for TagStyle {
    fn from(style: Style) -> Self {
        match style {
            Style::Fragment => TagStyle::Fragment,
            Style::Query => TagStyle::Query,
        }
    }
}

/// Links by their codes.
#[derive(Clone, Default)]
pub(crate) struct LinkTable(HashMap<String, Link>);

/// Where a code leads.
#[derive(Clone)]
pub(crate) struct Link {
    /// With the tag and `utm_` parameters that were declared.
    to: String,
    style: TagStyle,
}

impl LinkTable {
    /// Reads a file of links.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidLinks> {
        let File { links } = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            InvalidLinks::Syntax { line, problem: error.message().to_owned() }
        })?;
        if links.len() > MAX_LINKS {
            return Err(InvalidLinks::Many(links.len()));
        }
        let mut table = HashMap::new();
        for declared in links {
            let code = declared.code.clone();
            let refused = |problem: String| InvalidLinks::Link { code: code.clone(), problem };
            let link = declared.check().map_err(refused)?;
            if table.insert(declared.code, link).is_some() {
                return Err(refused("declared twice".into()));
            }
        }
        Ok(Self(table))
    }

    pub(crate) fn get(&self, code: &str) -> Option<&Link> {
        self.0.get(code)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Declared {
    fn check(&self) -> Result<Link, String> {
        let is_code = |code: &str| code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if self.code.is_empty() || self.code.len() > MAX_CODE || !is_code(&self.code) {
            return Err(format!("a code has 1 to {MAX_CODE} of A-Z, a-z, 0-9, - and _"));
        }
        check_target(&self.to)?;
        let style = self.style.into();
        let to = match self.tag()? {
            Some(tag) => self.tagged(tag, style).map_err(|error| error.to_string())?,
            None => self.to.clone(),
        };
        Ok(Link { to, style })
    }

    fn tag(&self) -> Result<Option<LinkTag>, String> {
        match (self.campaign, self.channel) {
            (Some(campaign), Some(channel)) if channel.is_share_target() => {
                Ok(Some(LinkTag { campaign, channel, cohort: self.cohort.unwrap_or_default(), generation: 0 }))
            }
            (Some(_), Some(channel)) => Err(format!("nobody can share to '{channel}'")),
            (None, None) if self.cohort.is_none() && self.utm_campaign.is_none() => Ok(None),
            _ => Err("a tag needs both campaign and channel; cohort and utm-campaign come with them".into()),
        }
    }

    fn tagged(&self, tag: LinkTag, style: TagStyle) -> Result<String, tacita_protocol::tag::TagError> {
        let to = match &self.utm_campaign {
            Some(campaign) => tag.with_utm(&self.to, campaign)?,
            None => self.to.clone(),
        };
        tag.append_to(&to, style)
    }
}

fn check_target(to: &str) -> Result<(), String> {
    let url = Url::parse(to).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        None => Err(format!("'{to}' is no target: write an address that begins with https:// or http://")),
        Some(_) if to.len() > MAX_TARGET => Err(format!("a target of {} bytes: at most {MAX_TARGET}", to.len())),
        Some(_) if !to.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("percent-encode spaces and letters beyond ASCII in the target".into())
        }
        Some(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("a target holds no user name or password: everyone who clicks would be given it".into())
        }
        Some(_) => Ok(()),
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

    #[test]
    fn a_link_that_breaks_a_rule_is_named_with_the_rule() {
        let refused = |fields: &str| {
            let file = format!("[[link]]\ncode = \"ok\"\nto = \"https://a.example\"\n[[link]]\n{fields}");
            LinkTable::parse(&file).err().unwrap().to_string()
        };
        let https = "to = \"https://a.example\"";
        assert!(refused(&format!("code = \"ok\"\n{https}")).contains("'ok': declared twice"));
        assert!(refused(&format!("code = \"a/b\"\n{https}")).contains("1 to 64"));
        assert!(refused("code = \"a\"\nto = \"javascript:alert(1)\"").contains("begins with https://"));
        assert!(refused("code = \"a\"\nto = \"/articles\"").contains("begins with https://"));
        assert!(refused("code = \"a\"\nto = \"https://me:pw@a.example\"").contains("password"));
        assert!(refused("code = \"a\"\nto = \"https://a.example/caf\u{e9}\"").contains("percent-encode"));
        assert!(refused("code = \"a\"\nto = \"https://a.example/\\r\\nset-cookie: a\"").contains("percent-encode"));
        assert!(refused(&format!("code = \"a\"\n{https}\ncampaign = 1")).contains("both campaign and channel"));
        assert!(refused(&format!("code = \"a\"\n{https}\ncohort = 1")).contains("both campaign and channel"));
        assert!(
            refused(&format!("code = \"a\"\n{https}\ncampaign = 1\nchannel = \"direct\"")).contains("nobody can share")
        );
        assert!(refused(&format!("code = \"a\"\n{https}\ntarget = 1")).starts_with("line 7: unknown field"));
        assert!(
            refused(&format!("code = \"a\"\n{https}\ncampaign = 1\nchannel = \"waterpigeon\"")).contains("waterpigeon")
        );
    }
}
