//! What a user agent says: a preview robot, another robot, an app's own browser, or nothing.

use std::sync::LazyLock;

use super::pattern::Pattern;
use crate::channel::{Channel, TABLE};

/// Who sends a user agent.
pub(super) enum Agent {
    /// A robot that fetches link previews, for this app if it is one app's.
    Preview(Option<Channel>),
    /// Any other robot.
    Robot,
    /// A person, in the app's own browser.
    App(Channel),
    /// A person, as far as one can see.
    Browser,
}

/// Reads a user agent. Previews are told first, then apps, so that a reader in an app never passes for a robot.
pub(super) fn read(agent: &str) -> Agent {
    let agent = agent.to_ascii_lowercase().into_bytes();
    if let Some(preview) = PREVIEWS.iter().find(|rule| rule.fits(&agent)) {
        return Agent::Preview(preview.channel);
    }
    if let Some(channel) = APPS.iter().find(|rule| rule.fits(&agent)).and_then(|rule| rule.channel) {
        return if is_browser(&agent) { Agent::App(channel) } else { Agent::Browser };
    }
    if !agent.is_empty() && ROBOTS.iter().any(|rule| rule.fits(&agent)) { Agent::Robot } else { Agent::Browser }
}

/// Whether an agent names itself as every browser does. What an app sends that does not is no page being read in it.
fn is_browser(agent: &[u8]) -> bool {
    const NAME: &[u8] = b"mozilla/";
    agent.windows(NAME.len()).any(|window| window == NAME)
}

/// A pattern, and the channel that it tells.
struct Rule {
    pattern: Pattern,
    channel: Option<Channel>,
}

impl Rule {
    fn fits(&self, agent: &[u8]) -> bool {
        self.pattern.fits(agent)
    }
}

static PREVIEWS: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let of_apps = TABLE.channels.iter().flat_map(|row| rules(&row.previews, Some(row.channel())));
    of_apps.chain(rules(&TABLE.robots.previews, None)).collect()
});

static APPS: LazyLock<Vec<Rule>> =
    LazyLock::new(|| TABLE.channels.iter().flat_map(|row| rules(&row.agents, Some(row.channel()))).collect());

static ROBOTS: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(&TABLE.robots.agents, None).collect());

fn rules(patterns: &[String], channel: Option<Channel>) -> impl Iterator<Item = Rule> {
    patterns.iter().map(move |pattern| Rule { pattern: Pattern::new(pattern), channel })
}
