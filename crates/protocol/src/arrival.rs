//! How a visit came about: the evidence that a page has, read on the device and sent nowhere.
//!
//! The order of evidence, strongest first: a Tacita tag; a campaign parameter or one that an app adds; the app's own
//! browser; the referrer; and where there is none of these, whether the page is one that people open by themselves.
//! `spec/channels.md` is exact; the rules' data are in `channels.toml`.

mod agent;
mod declared;
mod host;
mod pattern;

use url::{Host, Url};

use self::agent::Agent;
use crate::{
    channel::{Channel, Grade},
    tag::LinkTag,
};

/// What a page knows about how it was opened.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The page's address, with its query and fragment.
    pub url: &'a str,
    /// `document.referrer`, or the application's own word (`android-app://…`); empty when there is none.
    pub referrer: &'a str,
    /// `navigator.userAgent`. An empty one says nothing, and is not taken for a robot's.
    pub user_agent: &'a str,
    /// How the browser came to the page.
    pub navigation: Navigation,
    /// The pages that people open by themselves: paths (`/news`), whole addresses, or routes (`#/news`). `/` always is one.
    pub landing_pages: &'a [String],
}

/// How a browser came to a page: `PerformanceNavigationTiming.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Navigation {
    /// A link, a typed address, a bookmark.
    #[default]
    Navigate,
    /// The page was loaded again.
    Reload,
    /// The back or forward button, or a tab brought back.
    BackForward,
}

/// Who opened a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// A person, who came from elsewhere.
    Person(Arrival),
    /// A person, who came from another page of the same site: not an arrival, nothing is measured.
    Internal,
    /// A robot that makes a link preview, for this app if it is one app's. Never measured.
    Preview(Option<Channel>),
    /// Another robot. Never measured.
    Robot,
}

impl Visitor {
    /// The arrival, when this is one.
    #[must_use]
    pub fn arrival(self) -> Option<Arrival> {
        match self {
            Visitor::Person(arrival) => Some(arrival),
            Visitor::Internal | Visitor::Preview(_) | Visitor::Robot => None,
        }
    }
}

/// How a person came: by which channel, on what evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The channel that the strongest evidence names.
    pub channel: Channel,
    /// The strength of that evidence.
    pub grade: Grade,
    /// The tag of the link, where it had one; its re-share generation and cohort come with it.
    pub tag: Option<LinkTag>,
}

/// Tells who opened a page, and how a person came to it. Total: every input has an answer, none fails.
#[must_use]
pub fn classify(evidence: &Evidence<'_>) -> Visitor {
    let app = match agent::read(evidence.user_agent) {
        Agent::Preview(channel) => return Visitor::Preview(channel),
        Agent::Robot => return Visitor::Robot,
        Agent::App(channel) => Some(channel),
        Agent::Browser => None,
    };
    let page = web_address(evidence.url);
    let referrer = Referrer::read(evidence.referrer);
    if let (Some(page), Referrer::Site(from)) = (&page, &referrer)
        && same_site(page, from)
    {
        return Visitor::Internal;
    }
    Visitor::Person(arrival(evidence, page.as_ref(), &referrer, app))
}

/// Goes down the order of evidence.
fn arrival(evidence: &Evidence<'_>, page: Option<&Url>, referrer: &Referrer, app: Option<Channel>) -> Arrival {
    if let Some(tag) = LinkTag::from_url(evidence.url) {
        return Arrival { channel: tag.channel, grade: Grade::Confirmed, tag: Some(tag) };
    }
    let told = |channel: Channel, grade| Arrival { channel, grade, tag: None };
    if let Some(channel) = page.and_then(declared::channel_of) {
        return told(channel, Grade::Declared);
    }
    if let Some(channel) = app {
        return told(channel, Grade::App);
    }
    let known = referrer.channel().or_else(|| page.and_then(declared::channel_of_click));
    if let Some(channel) = known.or_else(|| referrer.is_some().then_some(Channel::REFERRAL)) {
        return told(channel, Grade::Referrer);
    }
    let shared = evidence.navigation == Navigation::Navigate
        && page.is_some_and(|page| !is_landing_page(page, evidence.landing_pages));
    if shared { told(Channel::INFERRED, Grade::Inferred) } else { told(Channel::DIRECT, Grade::Direct) }
}

/// Where a page was opened from, as far as the referrer says.
enum Referrer {
    /// Nothing, or nothing that is a place.
    None,
    /// A web page.
    Site(Url),
    /// An Android application, by its package id.
    Package(String),
}

impl Referrer {
    fn read(referrer: &str) -> Self {
        if let Some(package) = package(referrer) {
            return Referrer::Package(package.to_owned());
        }
        web_address(referrer).map_or(Referrer::None, Referrer::Site)
    }

    fn is_some(&self) -> bool {
        !matches!(self, Referrer::None)
    }

    fn channel(&self) -> Option<Channel> {
        match self {
            Referrer::None => None,
            Referrer::Site(url) => url.host_str().and_then(host::channel_of),
            Referrer::Package(id) => host::channel_of_package(id),
        }
    }
}

/// The package id of `android-app://<id>/…`, not empty.
fn package(referrer: &str) -> Option<&str> {
    const SCHEME: &str = "android-app://";
    let scheme = referrer.get(..SCHEME.len())?;
    let rest = referrer.get(SCHEME.len()..).filter(|_| scheme.eq_ignore_ascii_case(SCHEME))?;
    rest.split(['/', '?', '#']).next().filter(|id| !id.is_empty())
}

/// An `http` or `https` address, as every browser parses it (WHATWG URL).
fn web_address(address: &str) -> Option<Url> {
    Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn same_site(page: &Url, from: &Url) -> bool {
    match (page.host(), from.host()) {
        (Some(Host::Domain(page)), Some(Host::Domain(from))) => host::same_site(page, from),
        (page, from) => page == from,
    }
}

/// Whether people open this page by themselves: `/`, or one that the publisher lists.
fn is_landing_page(page: &Url, landing_pages: &[String]) -> bool {
    let path = route(page);
    path.is_empty() || landing_pages.iter().any(|entry| listed(page, entry).as_deref() == Some(path))
}

/// The path that an entry of the list stands for: a path, a whole address, or a route (`#/sport`). Others stand for none.
fn listed(page: &Url, entry: &str) -> Option<String> {
    if let Some(route) = entry.strip_prefix('#') {
        return Some(trimmed(route.strip_prefix('!').unwrap_or(route)).to_owned());
    }
    let address = if entry.starts_with('/') { page.join(entry).ok() } else { web_address(entry) };
    address.map(|address| trimmed(address.path()).to_owned())
}

/// The page's path without the slashes at its end; where a hash router (`#/a/b`, `#!/a/b`) has a route, that.
fn route(page: &Url) -> &str {
    let fragment = page.fragment().unwrap_or_default();
    let fragment = fragment.strip_prefix('!').unwrap_or(fragment);
    let route =
        if fragment.starts_with('/') { trimmed(fragment.split(['?', '&']).next().unwrap_or_default()) } else { "" };
    if route.is_empty() { trimmed(page.path()) } else { route }
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}
