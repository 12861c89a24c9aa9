//! A made-up audience: how people come, what they share and buy. The proportions are invented.

use rand::{Rng, RngExt as _};
use tacita_protocol::{measure::Event, profile::Profile};

/// What happens in one session.
pub(crate) struct Session {
    /// Of the day.
    pub(crate) second: u64,
    /// The device was not seen before on this day.
    pub(crate) is_first_of_day: bool,
    /// The channel it comes by, and the evidence of it.
    way: &'static Way,
    /// Of the shared link it comes by.
    generation: Option<&'static str>,
    cohort: &'static str,
    /// Where the visitor shares to, and what.
    pub(crate) share: Option<(&'static str, String)>,
    /// What the visitor buys for.
    pub(crate) value: Option<f64>,
    /// Where the device shared to in the window before.
    profile: &'static str,
}

/// A way to arrive.
struct Way {
    /// How many sessions in a thousand.
    weight: u32,
    channel: &'static str,
    grade: &'static str,
    /// How many visitors in a hundred buy.
    buy: f64,
}

const fn way(weight: u32, channel: &'static str, grade: &'static str, buy: f64) -> Way {
    Way { weight, channel, grade, buy }
}

const WAYS: [Way; 19] = [
    way(84, "whatsapp", "confirmed", 5.6),
    way(26, "whatsapp", "app", 4.8),
    way(31, "messenger", "confirmed", 4.1),
    way(17, "messenger", "app", 3.9),
    way(29, "telegram", "confirmed", 4.4),
    way(14, "telegram", "referrer", 3.8),
    way(18, "sms", "confirmed", 5.2),
    way(24, "copy", "confirmed", 4.6),
    way(34, "email", "declared", 3.4),
    way(13, "signal", "confirmed", 4.0),
    way(11, "slack", "referrer", 1.8),
    way(88, "facebook", "referrer", 1.5),
    way(37, "x", "referrer", 1.1),
    way(24, "linkedin", "referrer", 1.9),
    way(212, "search", "referrer", 2.2),
    way(22, "ai-assistant", "referrer", 2.0),
    way(41, "referral", "referrer", 1.6),
    way(163, "inferred", "inferred", 3.1),
    way(112, "direct", "direct", 3.3),
];

/// Where people share to, in a hundred.
const TARGETS: [(u32, &str); 10] = [
    (36, "whatsapp"),
    (13, "messenger"),
    (9, "telegram"),
    (4, "signal"),
    (8, "sms"),
    (8, "email"),
    (9, "copy"),
    (7, "facebook"),
    (4, "x"),
    (2, "linkedin"),
];

/// Where devices shared to in the window before, in a hundred, in the order of the profiles' labels.
const PROFILES: [u32; 4] = [85, 8, 3, 4];

/// The sessions of one day.
pub(crate) fn sessions_of(day: u64, days: u64, average: u64, contents: &[String], rng: &mut impl Rng) -> Vec<Session> {
    // Weekends are quieter, and the season grows by a third.
    let week = [1.06, 1.12, 1.08, 1.05, 0.98, 0.78, 0.84][(day % 7) as usize];
    let growth = 0.85 + 0.3 * day as f64 / days.max(1) as f64;
    let usual = (average as f64 * week * growth) as u64;
    (0..usual).map(|_| session(&WAYS[pick(&WAYS.map(|way| way.weight), rng)], contents, rng)).collect()
}

/// Sessions that all come by links shared to one channel: more than anybody expects.
pub(crate) fn surge(channel: &str, sessions: u64, contents: &[String], rng: &mut impl Rng) -> Option<Vec<Session>> {
    let way = WAYS.iter().find(|way| way.channel == channel)?;
    Some((0..sessions).map(|_| session(way, contents, rng)).collect())
}

fn session(way: &'static Way, contents: &[String], rng: &mut impl Rng) -> Session {
    let is_tagged = way.grade == "confirmed";
    let generation = is_tagged.then(|| ["0", "1", "2", "3", "4"][pick(&[52, 29, 12, 5, 2], rng)]);
    let cohort = if is_tagged { ["0", "1", "2", "3"][pick(&[74, 14, 9, 3], rng)] } else { "0" };
    let to = TARGETS[pick(&TARGETS.map(|(weight, _)| weight), rng)].1;
    let share = rng.random_bool(0.13).then(|| (to, content(contents, rng)));
    let value = rng.random_bool(way.buy / 100.0).then(|| f64::exp(2.6 + 1.5 * rng.random::<f64>()));
    // People sleep.
    let second = (86_399.0 * (0.3 + 0.7 * rng.random::<f64>())) as u64;
    let is_first_of_day = rng.random_bool(0.82);
    let profile = Profile::LABELS[pick(&PROFILES, rng)];
    Session { second, is_first_of_day, way, generation, cohort, share, value, profile }
}

/// The content at rank r is shared in proportion to 1 ÷ (r + 2).
fn content(contents: &[String], rng: &mut impl Rng) -> String {
    let rank = (2.0 * ((contents.len() as f64 + 2.0) / 2.0).powf(rng.random::<f64>()) - 2.0) as usize;
    contents.get(rank).cloned().unwrap_or_default()
}

fn pick(weights: &[u32], rng: &mut impl Rng) -> usize {
    let mut left = rng.random_range(0..weights.iter().sum());
    let place = weights.iter().position(|&weight| {
        let here = left < weight;
        left = left.saturating_sub(weight);
        here
    });
    place.unwrap_or(0)
}

impl Session {
    /// Its label on a measure's dimension.
    pub(crate) fn label<'a>(&'a self, event: Event, dimension: &str, bucket: Option<&'a str>) -> Option<&'a str> {
        let is_credited = self.generation.is_some() || self.way.grade == "app";
        match (event, dimension) {
            (Event::Share, "channel") => self.share.as_ref().map(|(channel, _)| *channel),
            (Event::Share, "generation") => Some(match self.generation {
                Some("0") => "1",
                Some("1") => "2",
                Some("2") => "3",
                Some(_) => "4",
                None => "0",
            }),
            (Event::ContentShare, "content") => self.share.as_ref().map(|(_, content)| content.as_str()),
            (Event::Conversion, "channel") => Some(if is_credited { self.way.channel } else { "unattributed" }),
            (Event::SharerProfile, "profile") => Some(self.profile),
            (_, "channel") => Some(self.way.channel),
            (_, "grade") => Some(self.way.grade),
            (_, "generation") => self.generation,
            (_, "cohort") => Some(self.cohort),
            (_, "value") => bucket,
            _ => None,
        }
    }
}
