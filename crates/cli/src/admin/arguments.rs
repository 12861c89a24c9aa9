//! The words of `tacita admin`.

use clap::{Subcommand, ValueEnum};
use tacita_dp::Epsilon;
use tacita_proto::v1;

use crate::{
    connect::CollectorArgs,
    settings::{duration, epsilon},
};

/// Administer a collector: publishers, brands, campaigns, measures, API keys.
///
/// In order: create a publisher and a brand, a campaign of that brand with that publisher, its measures, then a key for the
/// publisher's relay and one for the brand.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) collector: CollectorArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Publishers: whose pages or apps embed the SDK, and who run a relay.
    Publisher {
        #[command(subcommand)]
        command: Publisher,
    },
    /// Brands: who query reports.
    Brand {
        #[command(subcommand)]
        command: Brand,
    },
    /// Campaigns: a brand's questions to some publishers.
    Campaign {
        #[command(subcommand)]
        command: Campaign,
    },
    /// Measures: one histogram each, fixed at creation.
    Measure {
        #[command(subcommand)]
        command: Measure,
    },
    /// API keys of operators, relays, brands and auditors.
    Key {
        #[command(subcommand)]
        command: Key,
    },
    /// Replace the filter of the collector's log, until the collector ends; without one, print the filter in force.
    LogFilter {
        /// Levels and CRATE=LEVEL, separated by commas: info,tacita_collector=debug.
        filter: Option<String>,
    },
    /// What became of a publisher's reports, period by period: the record that its relays check.
    Record {
        /// The publisher's name.
        publisher: String,
    },
}

#[derive(Subcommand)]
pub(super) enum Publisher {
    /// Create a publisher and print its number.
    Create {
        /// 1 to 63 of a-z, 0-9 and '-', beginning with a letter.
        name: String,
    },
    /// List the publishers.
    List,
}

#[derive(Subcommand)]
pub(super) enum Brand {
    /// Create a brand.
    Create {
        /// 1 to 63 of a-z, 0-9 and '-', beginning with a letter.
        name: String,
    },
    /// List the brands.
    List,
}

#[derive(Subcommand)]
pub(super) enum Campaign {
    /// Create a campaign.
    Create {
        /// BRAND/CAMPAIGN, for example acme/spring.
        name: String,
        /// A publisher that takes part; repeat for several.
        #[arg(long = "publisher", value_name = "NAME", required = true)]
        publishers: Vec<String>,
        /// How long an arrival is remembered for a later conversion.
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
        attribution: std::time::Duration,
        #[command(flatten)]
        policy: PolicyArgs,
    },
}

/// Values stricter than the collector's policy.
#[derive(clap::Args)]
pub(super) struct PolicyArgs {
    /// The largest ε of one report.
    #[arg(long, value_name = "ε", value_parser = epsilon)]
    report_epsilon: Option<Epsilon>,
    /// The ε that a device may spend on this campaign in an epoch.
    #[arg(long, value_name = "ε", value_parser = epsilon)]
    device_epsilon: Option<Epsilon>,
    /// The least people of a cohort.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    people_per_cohort: u32,
    /// A publisher's part of a window enters no number before it has so many reports.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    reports_per_window: u32,
}

impl From<PolicyArgs> for v1::CampaignPolicy {
    fn from(asked: PolicyArgs) -> Self {
        let micro = |epsilon: Option<Epsilon>| epsilon.map_or(0, Epsilon::micro);
        Self {
            report_epsilon_micro: micro(asked.report_epsilon),
            device_epsilon_micro: micro(asked.device_epsilon),
            people_per_cohort: asked.people_per_cohort,
            reports_per_window: asked.reports_per_window,
        }
    }
}

#[derive(Subcommand)]
pub(super) enum Measure {
    /// Create a measure.
    Create {
        /// The campaign, BRAND/CAMPAIGN.
        campaign: String,
        /// A name unique within the campaign.
        name: String,
        /// What it counts.
        #[arg(long, value_enum)]
        event: EventArg,
        /// Local privacy of one report: the smaller, the more private and the noisier.
        #[arg(long, value_name = "ε", default_value = "3", value_parser = epsilon)]
        epsilon: Epsilon,
        /// Who opens a slot: the event, or every page session (hides the event too, at about ten times the noise).
        #[arg(long, value_enum, default_value = "event")]
        participation: ParticipationArg,
        /// NAME=LABEL,LABEL,… ; repeat for several. Without one: `channel` over the channel table, or for
        /// sharer-profile `profile`, which tells of the window before: give it windows of a week (7d) or more.
        #[arg(long = "dimension", value_name = "NAME=LABELS", value_parser = dimension)]
        dimensions: Vec<v1::Dimension>,
        /// The contents that it tells apart, one id on each line: its last dimension, `content`.
        #[arg(long, value_name = "FILE")]
        catalogue: Option<std::path::PathBuf>,
        /// Cells for contents that are not in the catalogue, by hash.
        #[arg(long, value_name = "N", default_value_t = 0, requires = "catalogue")]
        tail: u32,
        /// How long it counts before it begins anew.
        #[arg(long, value_name = "TIME", default_value = "1d", value_parser = duration)]
        window: std::time::Duration,
        /// How many people a cohort has, LABEL=PEOPLE: for each that the dimension `cohort` lists.
        #[arg(long = "cohort", value_name = "LABEL=PEOPLE", value_parser = cohort)]
        cohorts: Vec<v1::CohortSize>,
        /// Reports expected in one window; needed with cohorts.
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        reports: u64,
    },
}

#[derive(Subcommand)]
pub(super) enum Key {
    /// Make an API key and print it: this once, and never again.
    Create {
        /// What the key allows.
        #[arg(long, value_enum)]
        role: RoleArg,
        /// The publisher's or brand's name; none for an operator or auditor.
        #[arg(long, value_name = "NAME", default_value = "")]
        subject: String,
        /// How long it is good for, for example 90d; without it until it is revoked.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        expires: Option<std::time::Duration>,
        /// It may call only what changes nothing; for operators and brands.
        #[arg(long)]
        read_only: bool,
    },
    /// List the API keys.
    List,
    /// End an API key at once.
    Revoke {
        /// The key's number, as `list` shows it.
        id: u32,
    },
}

/// An event as an argument.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EventArg {
    Arrival,
    Reach,
    Share,
    Conversion,
    ContentShare,
    SharerProfile,
}

impl From<EventArg> for v1::Event {
    fn from(event: EventArg) -> Self {
        match event {
            EventArg::Arrival => Self::Arrival,
            EventArg::Reach => Self::Reach,
            EventArg::Share => Self::Share,
            EventArg::Conversion => Self::Conversion,
            EventArg::ContentShare => Self::ContentShare,
            EventArg::SharerProfile => Self::SharerProfile,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ParticipationArg {
    Event,
    Session,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RoleArg {
    Operator,
    Publisher,
    Brand,
    Auditor,
}

pub(crate) fn cohort(text: &str) -> Result<v1::CohortSize, String> {
    let parsed = text.split_once('=').and_then(|(label, people)| Some((label.to_owned(), people.parse().ok()?)));
    let (label, people) =
        parsed.ok_or_else(|| format!("'{text}' is not a cohort: write LABEL=PEOPLE, for example 7=400"))?;
    Ok(v1::CohortSize { label, people })
}

/// Reads a dimension as people write it.
pub(crate) fn dimension(text: &str) -> Result<v1::Dimension, String> {
    match text.split_once('=') {
        Some((name, labels)) if !name.is_empty() && !labels.is_empty() => Ok(v1::Dimension {
            name: name.to_owned(),
            labels: labels.split(',').map(|label| label.trim().to_owned()).collect(),
            catalogue: None,
        }),
        _ => Err(format!("'{text}' is not a dimension: write NAME=LABEL,LABEL, for example value=0..50,50..")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dimension_is_a_name_and_labels() {
        let parsed = dimension("value=0..50, 50..").unwrap();
        assert_eq!((parsed.name.as_str(), parsed.labels), ("value", vec!["0..50".to_owned(), "50..".to_owned()]));
        for bad in ["", "value", "value=", "=a,b"] {
            assert!(dimension(bad).unwrap_err().contains("NAME=LABEL"), "{bad}");
        }
    }
}
