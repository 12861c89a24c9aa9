//! Link tags: what a shared link carries, and all that it carries.
//!
//! A tag is a campaign, a channel, a cohort and a re-share generation, written in 15 characters. One tuple is exactly
//! one string, the same for everyone who shares, so a tag can't hold an identifier. It sits in the fragment of the
//! link, which no server sees. `spec/links.md` is exact.

use std::{borrow::Cow, fmt, str::FromStr};

use thiserror::Error;
use url::Url;

use crate::channel::{Channel, encode_component};

/// What a tagged link says of how it was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkTag {
    /// The campaign that the link belongs to.
    pub campaign: u32,
    /// The channel that the share was made to.
    pub channel: Channel,
    /// The cohort: a squad, a newsletter, a referral programme; 0 for none.
    pub cohort: u16,
    /// How many times it was shared on since the first share: 0 to 7, and 7 means seven or more.
    pub generation: u8,
}

/// Where a tag goes in an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagStyle {
    /// The fragment, which no server sees; the query if the address has an anchor or a route there already.
    #[default]
    Fragment,
    /// The query, for sites whose router owns the fragment.
    Query,
}

/// Why a text is not a tag, or an address can't have one.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TagError {
    /// A tag has exactly 15 characters.
    #[error("a tag has {len} characters", len = LinkTag::LEN)]
    Length,
    /// A character outside the alphabet, which has lower-case letters only.
    #[error("a character that tags don't use")]
    Character,
    /// Written by another version of the protocol.
    #[error("a tag of another version")]
    Version,
    /// The check characters don't fit: the tag was mistyped or cut.
    #[error("the tag's check characters don't fit")]
    Check,
    /// The reserved bit is set.
    #[error("the tag's reserved bit is set")]
    Reserved,
    /// A channel that this table does not have.
    #[error("the tag names channel {0}, which is not in the table")]
    Channel(u8),
    /// Not an absolute `http` or `https` address.
    #[error("not an absolute web address")]
    Address,
}

impl LinkTag {
    /// The characters of every tag.
    pub const LEN: usize = 15;
    /// The parameter that holds the tag, in the fragment or the query: `tct=…`.
    pub const KEY: &str = "tct";
    /// The last generation that is told apart.
    pub const LAST_GENERATION: u8 = 7;

    /// The tag's one string. A generation past 7 is written as 7.
    #[must_use]
    pub fn encode(&self) -> String {
        let generation = u32::from(self.generation.min(Self::LAST_GENERATION));
        let high = self.campaign >> 2;
        let low =
            (self.campaign & 3) << 28 | u32::from(self.channel.code()) << 20 | u32::from(self.cohort) << 4 | generation;
        let mut digits = [0; Self::LEN];
        digits[0] = VERSION;
        write(high, &mut digits[1..7]);
        write(low, &mut digits[7..13]);
        let check = check(&digits[..13]);
        write(check, &mut digits[13..]);
        digits.iter().map(|&digit| char::from(ALPHABET[usize::from(digit)])).collect()
    }

    /// Reads a tag, strictly: what is accepted is exactly what [`encode`](Self::encode) writes.
    ///
    /// # Errors
    ///
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let characters: &[u8; Self::LEN] = text.as_bytes().try_into().map_err(|_| TagError::Length)?;
        let mut digits = [0; Self::LEN];
        for (digit, character) in digits.iter_mut().zip(characters) {
            *digit = value(*character).ok_or(TagError::Character)?;
        }
        if digits[0] != VERSION {
            return Err(TagError::Version);
        }
        if read(&digits[13..]) != check(&digits[..13]) {
            return Err(TagError::Check);
        }
        Self::from_words(read(&digits[1..7]), read(&digits[7..13]))
    }

    fn from_words(high: u32, low: u32) -> Result<Self, TagError> {
        if low & 8 != 0 {
            return Err(TagError::Reserved);
        }
        let [_, _, _, code] = (low >> 20).to_be_bytes();
        let [.., cohort_high, cohort_low] = (low >> 4).to_be_bytes();
        let [.., last] = low.to_be_bytes();
        Ok(Self {
            campaign: high << 2 | low >> 28,
            channel: Channel::from_code(code).ok_or(TagError::Channel(code))?,
            cohort: u16::from_be_bytes([cohort_high, cohort_low]),
            generation: last & 7,
        })
    }

    /// The tag in an address: the first in its fragment, or else the first in its query.
    #[must_use]
    pub fn from_url(url: &str) -> Option<Self> {
        let parts = Parts::of(url);
        let first = |part: &str| part.split(['&', '?']).filter_map(tag_text).find_map(|text| Self::parse(text).ok());
        let anchor = parts.fragment.map(|fragment| split_directive(fragment).0);
        anchor.and_then(first).or_else(|| parts.query.and_then(first))
    }

    /// The address with this tag, in place of any it had. Everything else in it stays, byte for byte.
    ///
    /// An anchor or a route in the fragment keeps working: the tag then goes to the query, whatever the style.
    ///
    /// # Errors
    ///
    /// [`TagError::Address`] if `url` is not an absolute `http` or `https` address.
    pub fn append_to(&self, url: &str, style: TagStyle) -> Result<String, TagError> {
        let url = web_address(url)?;
        let parts = Parts::of(url);
        let tag = format!("{}={}", Self::KEY, self.encode());
        let query = parts.query.map(without_tags);
        // A text directive (`:~:text=…`) is taken off by the browser before anyone sees the fragment: it can stay behind.
        let (anchor, directive) = split_directive(parts.fragment.unwrap_or_default());
        let anchor = without_tags(anchor);
        if style == TagStyle::Fragment && anchor.is_empty() {
            return Ok(joined(parts.path, query.as_deref(), &format!("{tag}{directive}")));
        }
        let query = match query.as_deref() {
            None | Some("") => tag,
            Some(query) => format!("{query}&{tag}"),
        };
        Ok(joined(parts.path, Some(&query), &format!("{anchor}{directive}")))
    }

    /// The address with `utm_source`, `utm_medium=share` and, unless it is empty, `utm_campaign`, for tools that read
    /// those. An address that has any `utm_` parameter is returned as it is.
    ///
    /// # Errors
    ///
    /// [`TagError::Address`] if `url` is not an absolute `http` or `https` address.
    pub fn with_utm(&self, url: &str, campaign: &str) -> Result<String, TagError> {
        let url = web_address(url)?;
        let parts = Parts::of(url);
        let is_utm = |pair: &str| pair.get(..4).is_some_and(|key| key.eq_ignore_ascii_case("utm_"));
        if parts.query.is_some_and(|query| query.split('&').any(is_utm)) {
            return Ok(url.to_owned());
        }
        let mut query =
            parts.query.filter(|query| !query.is_empty()).map_or_else(String::new, |query| format!("{query}&"));
        query.push_str(&format!("utm_source={}&utm_medium=share", self.channel));
        if !campaign.is_empty() {
            query.push_str("&utm_campaign=");
            encode_component(campaign, &mut query);
        }
        Ok(joined(parts.path, Some(&query), parts.fragment.unwrap_or_default()))
    }

    /// The tag for sharing the link on, to `channel`: one generation more, up to 7.
    #[must_use]
    pub fn reshare(&self, channel: Channel) -> Self {
        Self { channel, generation: self.generation.saturating_add(1).min(Self::LAST_GENERATION), ..*self }
    }
}

impl fmt::Display for LinkTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}

impl FromStr for LinkTag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        Self::parse(text)
    }
}

/// Crockford's base 32 in lower case: no `i`, `l`, `o` or `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The first digit of a tag of this version.
const VERSION: u8 = 1;

fn value(character: u8) -> Option<u8> {
    let at = ALPHABET.iter().position(|&known| known == character)?;
    u8::try_from(at).ok()
}

/// Writes a number in base 32, the most significant digit first.
fn write(number: u32, digits: &mut [u8]) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = rest.to_le_bytes()[0] & 31;
        rest >>= 5;
    }
}

fn read(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, &digit| number << 5 | u32::from(digit))
}

/// The check number: the digits as a polynomial in 33 modulo 1021, which is the greatest prime below 2^10.
///
/// It catches every single wrong character and any two of the first 13 exchanged. It is no secret and no signature.
fn check(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, &digit| (sum * 33 + u32::from(digit)) % 1021)
}

/// An address cut at its first `?` and `#`, as URLs are.
struct Parts<'a> {
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Self {
        let (page, fragment) = url.split_once('#').map_or((url, None), |(page, fragment)| (page, Some(fragment)));
        let (path, query) = page.split_once('?').map_or((page, None), |(path, query)| (path, Some(query)));
        Self { path, query, fragment }
    }
}

fn joined(path: &str, query: Option<&str>, fragment: &str) -> String {
    let query = query.filter(|query| !query.is_empty()).map_or(Cow::Borrowed(""), |query| format!("?{query}").into());
    let mark = if fragment.is_empty() { "" } else { "#" };
    format!("{path}{query}{mark}{fragment}")
}

/// The address without the white space around it, if it is an absolute web address.
fn web_address(url: &str) -> Result<&str, TagError> {
    let url = url.trim_matches(|c| c <= ' ');
    let parsed = Url::parse(url).map_err(|_| TagError::Address)?;
    if matches!(parsed.scheme(), "http" | "https") { Ok(url) } else { Err(TagError::Address) }
}

/// What follows `tct=` in one part of a query or fragment.
fn tag_text(part: &str) -> Option<&str> {
    part.strip_prefix(LinkTag::KEY)?.strip_prefix('=')
}

fn split_directive(fragment: &str) -> (&str, &str) {
    fragment.split_at(fragment.find(":~:").unwrap_or(fragment.len()))
}

/// A query or fragment without its `tct=` parts; the others keep their places and their separators.
fn without_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // The separator that a removed part leaves to the next: a leading part has none, and `?` must stay the first one.
    let mut inherited = None;
    let mut separator = "";
    for part in text.split_inclusive(['&', '?']) {
        let (body, next) = part.split_at(part.trim_end_matches(['&', '?']).len());
        if tag_text(body).is_some() {
            inherited = inherited.or(Some(separator).filter(|&separator| separator != "&"));
        } else {
            kept.push_str(inherited.take().unwrap_or(separator));
            kept.push_str(body);
        }
        separator = next;
    }
    if inherited.is_none() && text.ends_with(['&', '?']) {
        kept.push_str(separator);
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Identity-freedom: all that a campaign's links can say is what it declared.
    #[test]
    fn the_tags_of_a_campaign_are_as_many_as_its_channels_cohorts_and_generations() {
        const COHORTS: u16 = 40;
        let channels: Vec<Channel> = Channel::all().filter(|channel| channel.is_share_target()).collect();
        let mut strings = HashSet::new();
        for &channel in &channels {
            for cohort in 0..COHORTS {
                // Generations past 7, which the type can hold, write nothing new.
                for generation in 0..=u8::MAX {
                    let string = LinkTag { campaign: 77, channel, cohort, generation }.encode();
                    assert_eq!(string.len(), LinkTag::LEN);
                    strings.insert(string);
                }
            }
        }
        println!("{} channels x {COHORTS} cohorts x 8 generations = {} tags", channels.len(), strings.len());
        assert_eq!(strings.len(), channels.len() * usize::from(COHORTS) * 8);
    }

    /// Any other string is refused: around each tag, every string one character away; and any that does parse is a tag's own.
    #[test]
    fn no_string_beside_a_tag_is_one() {
        let tag = LinkTag { campaign: 77, channel: Channel::COPY, cohort: 3, generation: 1 };
        let string = tag.encode();
        for at in 0..string.len() {
            for other in (0..=127).map(char::from).filter(|&c| !string[at..].starts_with(c)) {
                let near = format!("{}{other}{}", &string[..at], &string[at + 1..]);
                assert!(LinkTag::parse(&near).is_err(), "{near}");
            }
        }
        for at in 1..12 {
            for with in at + 1..13 {
                let mut exchanged = string.clone().into_bytes();
                exchanged.swap(at, with);
                let exchanged = String::from_utf8(exchanged).unwrap();
                assert!(exchanged == string || LinkTag::parse(&exchanged).is_err(), "{exchanged}");
            }
        }
    }
}
