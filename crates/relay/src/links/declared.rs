//! The file of links as a publisher writes it, and everything that is wrong with it.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, iter,
    ops::Range,
};

use serde::Deserialize;
use tacita_protocol::{
    channel::Channel,
    tag::{LinkTag, TagError, TagStyle},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};
use url::Url;

use super::table::Link;

/// The most links.
const MAX_LINKS: usize = 10_000;
const MAX_CODE: usize = 64;
/// The longest target.
const MAX_TARGET: usize = 2_048;

/// What is wrong in one place of a file of links, and what to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// What, and the remedy.
    pub told: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.told)
    }
}

/// What a file holds, which is UTF-8.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, Problem> {
    str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        Problem { line, told: "this is not UTF-8: write the file in it".into() }
    })
}

/// Reads a file of links: each by its code, or all that is wrong, from the first line to the last. Where it is no TOML
/// that is all that is told, and of a link whose fields are of other names or types the first of those.
pub(super) fn read(text: &str) -> Result<HashMap<String, Link>, Vec<Problem>> {
    let mut reading = Reading { lines: Lines::of(text), ..Reading::default() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reading.complain(error.span().unwrap_or_default(), format!("{}; mend the file's TOML", error.message()));
    }
    if errors.is_empty() {
        reading.take_document(document.into_inner());
    }
    reading.end()
}

/// Where the lines of a text begin.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line of a byte, counted from 1.
    fn number(&self, at: usize) -> usize {
        self.0.partition_point(|&start| start <= at)
    }
}

/// A file that is being read.
#[derive(Default)]
struct Reading {
    lines: Lines,
    links: HashMap<String, Link>,
    /// In which line each code was declared first, whether or not the link holds.
    declared: HashMap<String, usize>,
    problems: Vec<Problem>,
}

impl Reading {
    fn take_document(&mut self, document: DeTable<'_>) {
        for (key, value) in document {
            match (key.get_ref().as_ref(), value.into_inner()) {
                ("link", DeValue::Array(links)) => self.take_links(links),
                ("link", _) => self.complain(key.span(), "write [[link]] on a line of its own before each link".into()),
                (name, _) => {
                    let unknown = name.escape_debug();
                    let told =
                        format!("there is no '{unknown}' in a file of links: it holds [[link]], and their fields");
                    self.complain(key.span(), told);
                }
            }
        }
    }

    fn take_links<'i>(&mut self, links: impl IntoIterator<Item = Spanned<DeValue<'i>>, IntoIter: ExactSizeIterator>) {
        let links = links.into_iter();
        let count = links.len();
        for (number, link) in links.enumerate() {
            if number == MAX_LINKS {
                return self.complain(
                    link.span(),
                    format!("{count} links: a relay has at most {MAX_LINKS}: take out the rest"),
                );
            }
            self.take_link(link);
        }
    }

    fn take_link(&mut self, link: Spanned<DeValue<'_>>) {
        let place = link.span();
        let declared = match Declared::deserialize(ValueDeserializer::from(link)) {
            Ok(declared) => declared,
            Err(error) => return self.complain(error.span().unwrap_or(place), error.message().to_owned()),
        };
        let (code, place) = (declared.code.get_ref().clone(), declared.code.span());
        let checked = declared.check();
        let name = code.escape_debug().to_string();
        let line = self.lines.number(place.start);
        match self.declared.entry(code.clone()) {
            Entry::Occupied(first) => {
                let told = format!("link '{name}': declared twice, first in line {}: keep one", first.get());
                self.problems.push(Problem { line, told });
            }
            Entry::Vacant(free) => drop(free.insert(line)),
        }
        match checked {
            Ok(link) => drop(self.links.insert(code, link)),
            Err(wrong) => wrong.into_iter().for_each(|(at, what)| self.complain(at, format!("link '{name}': {what}"))),
        }
    }

    fn complain(&mut self, place: Range<usize>, told: String) {
        self.problems.push(Problem { line: self.lines.number(place.start), told });
    }

    fn end(mut self) -> Result<HashMap<String, Link>, Vec<Problem>> {
        if self.problems.is_empty() {
            return Ok(self.links);
        }
        self.problems.sort();
        Err(self.problems)
    }
}

/// One `[[link]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Declared {
    code: Spanned<String>,
    to: Spanned<String>,
    campaign: Option<u32>,
    channel: Option<Spanned<String>>,
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

/// Where something is wrong, and what.
type Wrong = (Range<usize>, String);

impl Declared {
    fn check(&self) -> Result<Link, Vec<Wrong>> {
        let code = check_code(self.code.get_ref()).map_err(|what| (self.code.span(), what));
        let target = check_target(self.to.get_ref()).map_err(|what| (self.to.span(), what));
        match (code, target, self.tag()) {
            (Ok(()), Ok(()), Ok(tag)) => {
                let style = self.style.into();
                let to = self.tagged(tag, style).map_err(|error| vec![(self.to.span(), error.to_string())])?;
                Ok(Link { to, style })
            }
            (code, target, tag) => Err([code.err(), target.err(), tag.err()].into_iter().flatten().collect()),
        }
    }

    fn tag(&self) -> Result<Option<LinkTag>, Wrong> {
        match (self.campaign, &self.channel) {
            (Some(campaign), Some(named)) => {
                let channel = share_target(named.get_ref()).map_err(|what| (named.span(), what))?;
                Ok(Some(LinkTag { campaign, channel, cohort: self.cohort.unwrap_or_default(), generation: 0 }))
            }
            (None, None) if self.cohort.is_none() && self.utm_campaign.is_none() => Ok(None),
            _ => {
                let what = "a tag needs both campaign and channel; cohort and utm-campaign come with them";
                Err((self.code.span(), what.to_owned()))
            }
        }
    }

    fn tagged(&self, tag: Option<LinkTag>, style: TagStyle) -> Result<String, TagError> {
        let to = self.to.get_ref();
        match (tag, &self.utm_campaign) {
            (None, _) => Ok(to.clone()),
            (Some(tag), None) => tag.append_to(to, style),
            (Some(tag), Some(campaign)) => tag.append_to(&tag.with_utm(to, campaign)?, style),
        }
    }
}

fn check_code(code: &str) -> Result<(), String> {
    let is_code = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match is_code && (1..=MAX_CODE).contains(&code.len()) {
        true => Ok(()),
        false => Err(format!("a code has 1 to {MAX_CODE} of A-Z, a-z, 0-9, - and _")),
    }
}

fn share_target(name: &str) -> Result<Channel, String> {
    let channel = name.parse().ok().filter(|channel: &Channel| channel.is_share_target());
    channel.ok_or_else(|| {
        let targets: Vec<_> = Channel::all().filter(|one| one.is_share_target()).map(Channel::name).collect();
        format!("nobody can share to '{}': write one of {}", name.escape_debug(), targets.join(", "))
    })
}

fn check_target(to: &str) -> Result<(), String> {
    if to.len() > MAX_TARGET {
        return Err(format!("a target of {} bytes: at most {MAX_TARGET}, so shorten it", to.len()));
    }
    let url = Url::parse(to).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        None => {
            let to = to.escape_debug();
            Err(format!("'{to}' is no target: write an address that begins with https:// or http://"))
        }
        Some(_) if !to.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("percent-encode spaces and letters beyond ASCII in the target".into())
        }
        Some(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("take user name and password out of the target: everyone who clicks would be given them".into())
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<Problem> {
        read(text).map(|links| links.len()).unwrap_err()
    }

    #[test]
    fn a_link_that_breaks_a_rule_is_named_with_its_line_the_rule_and_the_remedy() {
        let refused = |fields: &str| {
            let file = format!("[[link]]\ncode = \"ok\"\nto = \"https://a.example\"\n[[link]]\n{fields}");
            let problems = problems(&file);
            assert_eq!(problems.len(), 1, "{problems:?}");
            problems[0].to_string()
        };
        let https = "to = \"https://a.example\"";
        let long = "a".repeat(MAX_TARGET);
        for (fields, told) in [
            (format!("code = \"ok\"\n{https}"), "5: link 'ok': declared twice, first in line 2: keep one"),
            (format!("code = \"a/b\"\n{https}"), "5: link 'a/b': a code has 1 to 64"),
            (format!("code = \"\"\n{https}"), "5: link '': a code has 1 to 64"),
            (
                "code = \"a\"\nto = \"javascript:alert(1)\"".into(),
                "6: link 'a': 'javascript:alert(1)' is no target: write",
            ),
            ("code = \"a\"\nto = \"/articles\"".into(), "begins with https://"),
            ("code = \"a\"\nto = \"https://me:pw@a.example\"".into(), "take user name and password out"),
            ("code = \"a\"\nto = \"https://a.example/caf\u{e9}\"".into(), "percent-encode"),
            ("code = \"a\"\nto = \"https://a.example/\\r\\nset-cookie: a\"".into(), "percent-encode"),
            (
                format!("code = \"a\"\nto = \"https://a.example/{long}\""),
                "6: link 'a': a target of 2066 bytes: at most 2048",
            ),
            (format!("code = \"a\"\n{https}\ncampaign = 1"), "5: link 'a': a tag needs both campaign and channel"),
            (format!("code = \"a\"\n{https}\ncohort = 1"), "both campaign and channel"),
            (
                format!("code = \"a\"\n{https}\ncampaign = 1\nchannel = \"direct\""),
                "8: link 'a': nobody can share to 'direct': write one of whatsapp, ",
            ),
            (
                format!("code = \"a\"\n{https}\ncampaign = 1\nchannel = \"waterpigeon\""),
                "8: link 'a': nobody can share to 'waterpigeon': write one of whatsapp, ",
            ),
            (format!("code = \"a\"\n{https}\ntarget = 1"), "7: unknown field `target`, expected one of `code`"),
            (
                format!("code = \"a\"\n{https}\nstyle = \"anchor\""),
                "7: unknown variant `anchor`, expected `fragment` or",
            ),
            (format!("code = 7\n{https}"), "5: invalid type"),
            (https.to_owned(), "4: missing field `code`"),
        ] {
            let refused = refused(&fields);
            assert!(refused.contains(told), "{refused} instead of {told}");
        }
    }

    #[test]
    fn every_problem_is_named_from_the_first_line_to_the_last() {
        let file = "kode = 1\n[[link]]\ncode = \"a b\"\nto = \"a\"\nchannel = \"sms\"\n[[link]]\ncode = \"a\"\n\
                    [[link]]\ncode = \"b\"\nto = \"https://b.example\"\n[[link]]\ncode = \"b\"\nto = \"b\"\n";
        let lines: Vec<_> = problems(file).into_iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 3, 3, 4, 6, 12, 13]);

        assert_eq!(problems("nonsense").len(), 1);
        let no_toml = problems("[[link]]\ncode = \n[[link]]\nto = https\n");
        assert_eq!(no_toml.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 4], "{no_toml:?}");
        assert!(no_toml.iter().all(|problem| problem.told.contains("mend the file's TOML")), "{no_toml:?}");
        assert!(problems("link = 1")[0].told.contains("write [[link]]"));
        assert!(problems("[link]\ncode = \"a\"")[0].told.contains("write [[link]]"));
    }

    #[test]
    fn links_beyond_the_most_are_refused_where_they_begin() {
        let link = |number: usize| format!("[[link]]\ncode = \"c{number}\"\nto = \"https://a.example\"\n");
        let most: String = (0..MAX_LINKS).map(link).collect();
        assert_eq!(read(&most).unwrap().len(), MAX_LINKS);
        let refused = problems(&(most + &link(MAX_LINKS) + &link(MAX_LINKS + 1)));
        assert_eq!(refused.len(), 1);
        assert!(refused[0].to_string().starts_with("30001: 10002 links: a relay has at most 10000"), "{refused:?}");
    }
}
