//! The channel table: by what app, site or means a link was passed on.
//!
//! The table itself is `channels.toml`, from which the TypeScript SDK is generated too; `spec/channels.md` says how it is
//! read. Here live the names and numbers of channels, the addresses that share to them, and the grades of evidence. How
//! a visit is told to have come by a channel is in [`crate::arrival`].

use std::{fmt, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// One channel of the table.
///
/// It holds the channel's `code`, which never changes and is never reused: a tag written years ago still names the same
/// channel, and channels order by it, so a new one comes after those that were there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u8);

impl Channel {
    /// The share sheet of the device: the app behind it is never revealed to a page.
    pub const NATIVE: Channel = Channel(19);
    /// A link copied, by a copy button or out of the page.
    pub const COPY: Channel = Channel(20);
    /// A campaign parameter that names no channel.
    pub const CAMPAIGN: Channel = Channel(67);
    /// Another site or app, not in the table.
    pub const REFERRAL: Channel = Channel(68);
    /// Nothing says where from, on a page that nobody types: an upper bound of dark social (Madrigal).
    pub const INFERRED: Channel = Channel(96);
    /// Nothing says where from, on a page that people open by themselves.
    pub const DIRECT: Channel = Channel(97);

    /// Every channel, in the order of their codes: appending a channel to the table moves none.
    pub fn all() -> impl Iterator<Item = Channel> {
        TABLE.by_code.iter().map(|&row| Channel(TABLE.channels[row].code))
    }

    /// The channel with this code, if the table has one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Channel> {
        position(code).map(|_| Channel(code))
    }

    /// The number that stands for the channel in link tags.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }

    /// The name in the protocol, in lower case: `whatsapp`, `instagram-direct`.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.row().name
    }

    /// The name for people: `WhatsApp`, `Instagram Direct`.
    #[must_use]
    pub fn title(self) -> &'static str {
        &self.row().title
    }

    /// Whether it counts as dark social.
    ///
    /// The share sheet and a copied link count, as RadiumOne counted them, though a person may paste into a public post.
    #[must_use]
    pub fn is_private(self) -> bool {
        self.row().kind == Kind::Private
    }

    /// Whether it is a public social network, which dark social is compared with.
    #[must_use]
    pub fn is_public(self) -> bool {
        self.row().kind == Kind::Public
    }

    /// Whether a person can share *to* it. One can't share to a search engine, or to `direct`.
    #[must_use]
    pub fn is_share_target(self) -> bool {
        self.row().target && self.row().kind != Kind::Other
    }

    /// Whether a share to it tells where the link went. The share sheet never says which app was chosen, and a copied link is
    /// pasted where no page can see.
    #[must_use]
    pub fn names_destination(self) -> bool {
        !matches!(self, Self::NATIVE | Self::COPY)
    }

    /// The address that opens the app's share sheet with `link` and `text`, percent-encoded as `encodeURIComponent` does.
    ///
    /// `None` where an app has no such address, or asks for an application id: use the share sheet or a copy button there.
    #[must_use]
    pub fn share_url(self, link: &str, text: &str) -> Option<String> {
        let template = self.row().share.as_deref()?;
        let both = if text.is_empty() { link.to_owned() } else { format!("{text} {link}") };
        // One pass over the template, so that what is put in is never taken for a place to put something.
        let mut address = String::with_capacity(template.len() + 3 * (link.len() + text.len()));
        for part in template.split_inclusive('}') {
            let (literal, slot) = part.split_once('{').unwrap_or((part, ""));
            address.push_str(literal);
            match slot {
                "url}" => encode_component(link, &mut address),
                "text}" => encode_component(text, &mut address),
                "both}" => encode_component(&both, &mut address),
                _ => {}
            }
        }
        Some(address)
    }

    fn row(self) -> &'static Row {
        // A code that is in no row can't be constructed: `from_code` and the table's own rows are the only makers, and a
        // test holds the constants above against the table.
        &TABLE.channels[position(self.0).unwrap_or_default()]
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no channel of this table has. A newer table may have it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no channel is called {0:?}")]
pub struct UnknownChannel(pub String);

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(name: &str) -> Result<Self, UnknownChannel> {
        let row = TABLE.channels.iter().find(|row| row.name == name);
        row.map(|row| Channel(row.code)).ok_or_else(|| UnknownChannel(name.to_owned()))
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// How sure an arrival's channel is. Declared in the order of evidence, the strongest first, and ordered so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// A Tacita tag in the link.
    Confirmed,
    /// A campaign parameter, or one that an app adds when a link is shared in it.
    Declared,
    /// The page is read in the app's own browser.
    App,
    /// The referrer, or a click identifier, which says no more.
    Referrer,
    /// Nothing, on a page that people don't open by themselves.
    Inferred,
    /// Nothing, on a page that they do.
    Direct,
}

impl Grade {
    /// All six, the strongest first.
    pub const ALL: [Grade; 6] =
        [Grade::Confirmed, Grade::Declared, Grade::App, Grade::Referrer, Grade::Inferred, Grade::Direct];

    /// The name in the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Grade::Confirmed => "confirmed",
            Grade::Declared => "declared",
            Grade::App => "app",
            Grade::Referrer => "referrer",
            Grade::Inferred => "inferred",
            Grade::Direct => "direct",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Percent-encodes `text` onto `out` exactly as JavaScript's `encodeURIComponent` does.
pub(crate) fn encode_component(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// What a channel is, seen from dark social.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Private,
    Public,
    Other,
}

/// One `[[channel]]` of the table; `channels.toml` says what each field means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) code: u8,
    pub(crate) name: String,
    title: String,
    kind: Kind,
    #[serde(default = "yes")]
    target: bool,
    share: Option<String>,
    #[serde(default)]
    pub(crate) agents: Vec<String>,
    #[serde(default)]
    pub(crate) previews: Vec<String>,
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    #[serde(default)]
    pub(crate) packages: Vec<String>,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    #[serde(default)]
    pub(crate) mediums: Vec<String>,
    #[serde(default)]
    pub(crate) params: Vec<String>,
    #[serde(default)]
    pub(crate) clicks: Vec<String>,
}

impl Row {
    pub(crate) fn channel(&self) -> Channel {
        Channel(self.code)
    }
}

fn yes() -> bool {
    true
}

/// The campaign parameters that are read, and the endings of a source that say nothing of its channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredRules {
    pub(crate) source: Vec<String>,
    pub(crate) medium: Vec<String>,
    pub(crate) campaign: Vec<String>,
    pub(crate) suffixes: Vec<String>,
}

/// What makes two hosts one site.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteRules {
    pub(crate) labels: Vec<String>,
}

/// Robots that belong to no channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RobotRules {
    pub(crate) previews: Vec<String>,
    pub(crate) agents: Vec<String>,
}

/// `channels.toml`, read. Rows stand in the file's order, in which user agents are tried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "channel")]
    pub(crate) channels: Vec<Row>,
    #[serde(skip)]
    by_code: Vec<usize>,
    pub(crate) declared: DeclaredRules,
    pub(crate) site: SiteRules,
    pub(crate) robots: RobotRules,
}

/// The table, read once.
// Unwrap safety: the text is compiled in, and every test of this crate reads it.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table: Table = toml::from_str(include_str!("../channels.toml")).expect("channels.toml is well-formed");
    table.by_code = (0..table.channels.len()).collect();
    table.by_code.sort_by_key(|&row| table.channels[row].code);
    table
});

/// The row that has `code`.
fn position(code: u8) -> Option<usize> {
    let at = TABLE.by_code.binary_search_by_key(&code, |&row| TABLE.channels[row].code).ok()?;
    TABLE.by_code.get(at).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_names_are_each_channels_own_and_no_code_is_zero() {
        let codes: HashSet<u8> = Channel::all().map(Channel::code).collect();
        let names: HashSet<&str> = Channel::all().map(Channel::name).collect();
        assert_eq!((codes.len(), names.len()), (TABLE.channels.len(), TABLE.channels.len()));
        assert!(!codes.contains(&0));
        assert!(Channel::all().is_sorted());
    }

    #[test]
    fn constants_name_the_channels_that_the_table_has() {
        for (channel, name) in [
            (Channel::NATIVE, "native"),
            (Channel::COPY, "copy"),
            (Channel::CAMPAIGN, "campaign"),
            (Channel::REFERRAL, "referral"),
            (Channel::INFERRED, "inferred"),
            (Channel::DIRECT, "direct"),
        ] {
            assert_eq!(name.parse(), Ok(channel));
        }
    }

    #[test]
    fn names_are_lower_case_words_joined_by_hyphens_and_read_back() {
        for channel in Channel::all() {
            assert!(channel.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{channel}");
            assert_eq!(channel.name().parse(), Ok(channel));
            assert_eq!(Channel::from_code(channel.code()), Some(channel));
        }
        assert_eq!("WhatsApp".parse::<Channel>(), Err(UnknownChannel("WhatsApp".into())));
        assert_eq!(Channel::from_code(0), None);
    }

    #[test]
    fn an_encoded_component_is_what_javascript_makes_of_it() {
        let mut out = String::new();
        encode_component("aZ9-_.!~*'() &=#?/%é😀", &mut out);
        assert_eq!(out, "aZ9-_.!~*'()%20%26%3D%23%3F%2F%25%C3%A9%F0%9F%98%80");
    }

    #[test]
    fn what_is_shared_is_never_taken_for_a_place_in_the_template() {
        let telegram: Channel = "telegram".parse().unwrap();
        let address = telegram.share_url("{text}", "{url}").unwrap();
        assert_eq!(address, "https://t.me/share/url?url=%7Btext%7D&text=%7Burl%7D");
    }

    #[test]
    fn one_shares_to_apps_and_networks_but_not_to_search_engines_or_to_nowhere() {
        let targets: Vec<&str> = Channel::all().filter(|c| c.is_share_target()).map(Channel::name).collect();
        assert!(targets.contains(&"signal") && targets.contains(&"facebook") && targets.contains(&"copy"));
        for none in ["inferred", "direct", "search", "meta", "campaign", "referral", "ai-assistant"] {
            assert!(!targets.contains(&none), "{none}");
        }
    }
}
