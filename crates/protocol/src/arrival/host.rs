//! Whose a host is: the channel of a referrer, and whether two hosts are one site.

use std::{collections::HashMap, sync::LazyLock};

use crate::channel::{Channel, TABLE};

/// The channel that a host belongs to. `host` is as a URL parser gives it: in lower case, in punycode.
///
/// The name nearest to the host wins: `mail.google.com` is e-mail though `google.com` is a search engine.
pub(super) fn channel_of(host: &str) -> Option<Channel> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let bare = bare(host);
    let exact = HOSTS.exact.get(host).or_else(|| HOSTS.exact.get(bare));
    exact.or_else(|| covering(host)).or_else(|| by_suffix(bare)).or_else(|| by_prefix(host)).copied()
}

/// The channel of a text that is written like a host, such as `chatgpt.com` or `l.facebook.com` in `utm_source`.
pub(super) fn channel_of_name(text: &str) -> Option<Channel> {
    text.contains('.').then(|| channel_of(text)).flatten()
}

/// The channel of an Android package id.
pub(super) fn channel_of_package(package: &str) -> Option<Channel> {
    let package = package.to_ascii_lowercase();
    TABLE.channels.iter().find(|row| row.packages.contains(&package)).map(|row| row.channel())
}

/// Whether two hosts are one site: the same but for `www.` and its like, or one below the other.
pub(super) fn same_site(one: &str, other: &str) -> bool {
    let (one, other) = (bare(one.trim_end_matches('.')), bare(other.trim_end_matches('.')));
    one == other || below(one, other) || below(other, one)
}

/// Whether `host` is a name below `parent`. A name without a dot, such as `com` or `localhost`, is no one's parent.
fn below(host: &str, parent: &str) -> bool {
    parent.contains('.')
        && !parent.ends_with(|last: char| last.is_ascii_digit())
        && host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

/// The host without the labels in front that do not make it another site.
fn bare(host: &str) -> &str {
    let mut rest = host;
    while let Some((label, parent)) = rest.split_once('.') {
        if !parent.contains('.') || !TABLE.site.labels.iter().any(|known| known == label) {
            break;
        }
        rest = parent;
    }
    rest
}

/// The hosts of the table, by how they are to be read.
#[derive(Default)]
struct Hosts {
    /// `=a.b`: this host alone.
    exact: HashMap<&'static str, Channel>,
    /// `a.b`: this host and all below it.
    covering: HashMap<&'static str, Channel>,
    /// `=a.*`: `a` under any public suffix.
    suffix: HashMap<&'static str, Channel>,
    /// `a.`: any host whose first label is `a`.
    prefix: HashMap<&'static str, Channel>,
}

static HOSTS: LazyLock<Hosts> = LazyLock::new(|| {
    let mut hosts = Hosts::default();
    for row in &TABLE.channels {
        for host in &row.hosts {
            let (map, host) = match (host.strip_prefix('='), host.strip_suffix('.')) {
                (Some(exact), _) if exact.ends_with(".*") => (&mut hosts.suffix, exact.trim_end_matches(".*")),
                (Some(exact), _) => (&mut hosts.exact, exact),
                (None, Some(label)) => (&mut hosts.prefix, label),
                (None, None) => (&mut hosts.covering, host.as_str()),
            };
            map.insert(host, row.channel());
        }
    }
    hosts
});

/// The channel of the nearest name above `host`, or of itself.
fn covering(host: &str) -> Option<&'static Channel> {
    let mut name = host;
    loop {
        if let Some(channel) = HOSTS.covering.get(name) {
            return Some(channel);
        }
        name = name.split_once('.')?.1;
    }
}

/// `google.de`, `google.co.uk`, `google.com.br`: one label of letters, or a country's two letters below a short label.
fn by_suffix(host: &str) -> Option<&'static Channel> {
    let (name, suffix) = host.split_once('.')?;
    let is_suffix = match suffix.split_once('.') {
        None => (2..=3).contains(&suffix.len()),
        Some((second, country)) => (2..=3).contains(&second.len()) && country.len() == 2,
    };
    HOSTS.suffix.get(name).filter(|_| is_suffix)
}

fn by_prefix(host: &str) -> Option<&'static Channel> {
    HOSTS.prefix.get(host.split_once('.')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str) -> &'static str {
        channel_of(host).map_or("", Channel::name)
    }

    #[test]
    fn the_nearest_name_wins() {
        assert_eq!(["google.com", "www.google.co.uk", "mail.google.com"].map(name), ["search", "search", "email"]);
        assert_eq!(
            ["docs.google.com", "gemini.google.com", "l.facebook.com"].map(name),
            ["", "ai-assistant", "facebook"]
        );
        assert_eq!(["mail.ru", "my.mail.ru", "mail.example.org"].map(name), ["email", "social", "email"]);
    }

    #[test]
    fn a_look_alike_host_is_not_taken_for_the_app() {
        for host in
            ["whatsapp.com.evil.example", "notwhatsapp.com", "whatsapp.com-x.example", "google.evil.example", "com", ""]
        {
            assert_eq!(name(host), "", "{host}");
        }
    }

    #[test]
    fn one_site_is_a_host_and_those_below_it() {
        assert!(same_site("www.example.com", "example.com") && same_site("m.example.com", "amp.example.com"));
        assert!(same_site("blog.example.com", "example.com") && same_site("localhost", "localhost"));
        assert!(!same_site("a.github.io", "b.github.io") && !same_site("example.com", "example.org"));
        assert!(!same_site("badexample.com", "example.com") && !same_site("example.com", "com"));
        assert!(!same_site("1.127.0.0.1", "127.0.0.1") && same_site("127.0.0.1", "127.0.0.1"));
    }
}
