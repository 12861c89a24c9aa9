//! What Google Analytics 4 would have called an arrival (spec/reporting.md §7).
//!
//! Its default channel group follows from source and medium, which it reads from UTM parameters, else from the
//! referrer; without either the visit is Direct. The rules are Google's, read against what a grade of evidence says was
//! there to read: "Default channel group" and its list of sources with categories, Analytics Help,
//! support.google.com/analytics/answer/9756891. Where the list knows an app by the name in a parameter and not by the
//! host that its visitors come from, or the other way round, so do we.

use std::str::FromStr as _;

use tacita_protocol::channel::{Channel, Grade};

use super::axes::kind_of;

/// The channel groups that an arrival can fall in here.
pub(crate) const GROUPS: [&str; 7] = [DIRECT, ORGANIC_SEARCH, ORGANIC_SOCIAL, EMAIL, SMS, REFERRAL, UNASSIGNED];

/// No referrer and no UTM parameter.
pub(crate) const DIRECT: &str = "Direct";
const ORGANIC_SEARCH: &str = "Organic Search";
const ORGANIC_SOCIAL: &str = "Organic Social";
const EMAIL: &str = "Email";
const SMS: &str = "SMS";
const REFERRAL: &str = "Referral";
const UNASSIGNED: &str = "Unassigned";

/// Messaging apps whose name, as a source, is on Google's list of social networks.
const SOCIAL_NAMES: [&str; 7] = ["whatsapp", "messenger", "wechat", "line", "kakaotalk", "snapchat", "zalo"];
/// Those whose links come from a host that is: l.messenger.com, line.me, snapchat.com, chat.zalo.me,
/// messages.google.com. Those of WhatsApp and Telegram come from web.whatsapp.com and web.telegram.org, which are not.
const SOCIAL_HOSTS: [&str; 5] = ["messenger", "line", "snapchat", "zalo", "sms"];
/// Social networks that the list lacks.
const UNLISTED: [&str; 3] = ["threads", "mastodon", "bluesky"];

/// The group of an arrival by this channel with this grade.
pub(crate) fn group_of(channel: &str, grade: &str) -> &'static str {
    let grade = Grade::ALL.into_iter().find(|known| known.name() == grade);
    let social = kind_of(channel) == "public";
    let listed = social && !UNLISTED.contains(&channel);
    match grade {
        // A parameter: source and medium are what it says.
        Some(Grade::Declared) => match channel {
            "email" | "newsletter" => EMAIL,
            "sms" => SMS,
            "search" => ORGANIC_SEARCH,
            // Of those that the list lacks, the medium says `social` as a rule.
            _ if social || SOCIAL_NAMES.contains(&channel) => ORGANIC_SOCIAL,
            _ => UNASSIGNED,
        },
        // A click identifier without a referrer says nothing to GA4.
        Some(Grade::Referrer) if channel == "meta" => DIRECT,
        Some(Grade::Referrer) => match channel {
            "search" => ORGANIC_SEARCH,
            _ if listed || SOCIAL_HOSTS.contains(&channel) => ORGANIC_SOCIAL,
            _ => REFERRAL,
        },
        // Social networks send a referrer, Mastodon and messaging apps none; a tag stands in the fragment, which GA4
        // does not read.
        Some(Grade::Confirmed | Grade::App) if listed => ORGANIC_SOCIAL,
        Some(Grade::Confirmed | Grade::App) if social && channel != "mastodon" => REFERRAL,
        Some(Grade::Confirmed | Grade::App | Grade::Inferred | Grade::Direct) => DIRECT,
        // A grade that is not told apart.
        None if Channel::from_str(channel) == Ok(Channel::DIRECT) => DIRECT,
        None => UNASSIGNED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_messenger_brings_is_direct_unless_a_parameter_or_a_referrer_says_more() {
        for (channel, grade, group) in [
            ("whatsapp", "confirmed", "Direct"),
            ("whatsapp", "app", "Direct"),
            ("whatsapp", "declared", "Organic Social"),
            ("telegram", "declared", "Unassigned"),
            ("bluesky", "declared", "Organic Social"),
            ("bluesky", "referrer", "Referral"),
            ("threads", "app", "Referral"),
            ("mastodon", "confirmed", "Direct"),
            ("whatsapp", "referrer", "Referral"),
            ("messenger", "referrer", "Organic Social"),
            ("sms", "referrer", "Organic Social"),
            ("telegram", "referrer", "Referral"),
            ("slack", "referrer", "Referral"),
            ("inferred", "inferred", "Direct"),
            ("direct", "direct", "Direct"),
            ("facebook", "referrer", "Organic Social"),
            ("facebook", "app", "Organic Social"),
            ("meta", "referrer", "Direct"),
            ("search", "referrer", "Organic Search"),
            ("ai-assistant", "referrer", "Referral"),
            ("email", "declared", "Email"),
            ("newsletter", "declared", "Email"),
            ("sms", "declared", "SMS"),
            ("sms", "confirmed", "Direct"),
            ("referral", "referrer", "Referral"),
            ("campaign", "declared", "Unassigned"),
            ("other", "other", "Unassigned"),
        ] {
            assert_eq!(group_of(channel, grade), group, "{channel} {grade}");
        }
    }

    #[test]
    fn every_channel_and_grade_has_a_group_that_is_listed() {
        for channel in Channel::all() {
            for grade in Grade::ALL {
                assert!(GROUPS.contains(&group_of(channel.name(), grade.name())));
            }
        }
    }
}
