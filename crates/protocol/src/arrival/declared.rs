//! What an address declares: the campaign parameters of its link, and those that apps and networks add.

use std::borrow::Cow;

use url::Url;

use super::host;
use crate::channel::{Channel, Row, TABLE};

/// The channel that the parameters of `url` declare, if any declares one.
///
/// A parameter that an app adds when a link is shared in it comes after the campaign's, so it is asked first.
pub(super) fn channel_of(url: &Url) -> Option<Channel> {
    by_app(url).or_else(|| by_campaign(url))
}

/// The channel, or family of channels, whose click identifier the address carries.
pub(super) fn channel_of_click(url: &Url) -> Option<Channel> {
    let carries = |row: &&Row| url.query_pairs().any(|(key, _)| contains_ignoring_case(&row.clicks, &key));
    TABLE.channels.iter().find(carries).map(Row::channel)
}

fn by_app(url: &Url) -> Option<Channel> {
    let carries = |row: &&Row| row.params.iter().any(|param| url.query_pairs().any(|pair| is_param(param, &pair)));
    TABLE.channels.iter().find(carries).map(Row::channel)
}

/// Whether a pair of the query is `param`: a `key=value`, or a key with any value.
fn is_param(param: &str, (key, value): &(Cow<'_, str>, Cow<'_, str>)) -> bool {
    param.split_once('=').map_or(key == param, |(name, wanted)| key == name && value == wanted)
}

fn by_campaign(url: &Url) -> Option<Channel> {
    let rules = &TABLE.declared;
    let source = value(url, &rules.source);
    let medium = value(url, &rules.medium);
    let named = source.as_deref().and_then(by_source).or_else(|| medium.as_deref().and_then(by_medium));
    let unnamed = source.is_some() || value(url, &rules.campaign).is_some();
    named.or_else(|| unnamed.then_some(Channel::CAMPAIGN))
}

/// The first value that is not blank among those of `keys`, as names are compared: trimmed, in ASCII lower case, with hyphens.
fn value(url: &Url, keys: &[String]) -> Option<String> {
    let known = url.query_pairs().filter(|(key, _)| contains_ignoring_case(keys, key));
    known.map(|(_, value)| folded(&value)).find(|value| !value.is_empty())
}

fn folded(value: &str) -> String {
    let fold = |c: char| if matches!(c, ' ' | '_') { '-' } else { c.to_ascii_lowercase() };
    value.trim_matches(' ').chars().map(fold).collect()
}

fn by_source(source: &str) -> Option<Channel> {
    let stem = TABLE.declared.suffixes.iter().find_map(|suffix| source.strip_suffix(suffix.as_str()));
    named(source).or_else(|| host::channel_of_name(source)).or_else(|| stem.and_then(named))
}

fn named(source: &str) -> Option<Channel> {
    let names = |row: &&Row| {
        row.sources.iter().any(|known| known == source) || (row.name == source && row.channel().is_share_target())
    };
    TABLE.channels.iter().find(names).map(Row::channel)
}

fn by_medium(medium: &str) -> Option<Channel> {
    TABLE.channels.iter().find(|row| row.mediums.iter().any(|known| known == medium)).map(Row::channel)
}

fn contains_ignoring_case(keys: &[String], key: &str) -> bool {
    keys.iter().any(|known| known.eq_ignore_ascii_case(key))
}
