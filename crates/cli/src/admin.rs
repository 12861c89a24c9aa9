//! `tacita admin`: what the neutral operator does.

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use ed25519_dalek::VerifyingKey;
use tacita_dp::Epsilon;
use tacita_proto::v1;
use tacita_protocol::{
    outcome::Outcome,
    time::{Clock as _, SystemClock},
};
use tacita_relay::receipts::head;

use crate::{
    connect::{AdminClient, CollectorArgs, refused},
    contents,
    settings::{duration, epsilon},
    table::{Table, utc},
};

/// Administer a collector: publishers, brands, campaigns, measures, API keys.
///
/// In order: create a publisher and a brand, a campaign of that brand with that publisher, its measures, then a key for the
/// publisher's relay and one for the brand.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
enum Publisher {
    /// Create a publisher and print its number.
    Create {
        /// 1 to 63 of a-z, 0-9 and '-', beginning with a letter.
        name: String,
    },
    /// List the publishers.
    List,
}

#[derive(Subcommand)]
enum Brand {
    /// Create a brand.
    Create {
        /// 1 to 63 of a-z, 0-9 and '-', beginning with a letter.
        name: String,
    },
    /// List the brands.
    List,
}

#[derive(Subcommand)]
enum Campaign {
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
struct PolicyArgs {
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
enum Measure {
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
        /// NAME=LABEL,LABEL,… ; repeat for several. Without one: `channel` over the channel table, or for sharer-profile `profile`,
        /// which tells of the window before: give it windows of a week (7d) or more.
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
enum Key {
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
enum ParticipationArg {
    Event,
    Session,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
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

/// Runs one administrative command.
pub(crate) async fn run(args: Args) -> Result<()> {
    let admin = args.collector.admin().await?;
    match args.command {
        Command::Publisher { command } => publisher(admin, command).await,
        Command::Brand { command } => brand(admin, command).await,
        Command::Campaign { command } => campaign(admin, command).await,
        Command::Measure { command } => measure(admin, command).await,
        Command::Key { command } => key(admin, command).await,
        Command::LogFilter { filter } => log_filter(admin, filter.unwrap_or_default()).await,
        Command::Record { publisher } => record(&args.collector, admin, &publisher).await,
    }
}

async fn publisher(mut admin: AdminClient, command: Publisher) -> Result<()> {
    match command {
        Publisher::Create { name } => {
            let answer = admin.create_publisher(v1::CreatePublisherRequest { name }).await.map_err(refused)?;
            let publisher = answer.into_inner().publisher.unwrap_or_default();
            println!("publisher {} has the number {}", publisher.name, publisher.id);
        }
        Publisher::List => {
            let answer = admin.list_publishers(v1::ListPublishersRequest {}).await.map_err(refused)?;
            let mut table = Table::new(&["number", "publisher"]);
            for publisher in answer.into_inner().publishers {
                table.row([publisher.id.to_string(), publisher.name]);
            }
            table.print();
        }
    }
    Ok(())
}

async fn brand(mut admin: AdminClient, command: Brand) -> Result<()> {
    match command {
        Brand::Create { name } => {
            let answer = admin.create_brand(v1::CreateBrandRequest { name }).await.map_err(refused)?;
            println!("brand {} created", answer.into_inner().brand.unwrap_or_default().name);
        }
        Brand::List => {
            let answer = admin.list_brands(v1::ListBrandsRequest {}).await.map_err(refused)?;
            let mut table = Table::new(&["number", "brand"]);
            for brand in answer.into_inner().brands {
                table.row([brand.id.to_string(), brand.name]);
            }
            table.print();
        }
    }
    Ok(())
}

async fn campaign(mut admin: AdminClient, command: Campaign) -> Result<()> {
    let Campaign::Create { name, publishers, attribution, policy } = command;
    let Some((brand, campaign)) = name.split_once('/') else {
        bail!("'{name}' is not a campaign: write it as BRAND/CAMPAIGN, for example acme/spring");
    };
    let request = v1::CreateCampaignRequest {
        brand: brand.to_owned(),
        name: campaign.to_owned(),
        publishers,
        attribution_seconds: seconds(attribution)?,
        policy: Some(policy.into()),
    };
    let answer = admin.create_campaign(request).await.map_err(refused)?;
    println!("campaign {name} has the number {}", answer.into_inner().campaign.unwrap_or_default().id);
    Ok(())
}

async fn measure(mut admin: AdminClient, command: Measure) -> Result<()> {
    let Measure::Create {
        campaign,
        name,
        event,
        epsilon,
        participation,
        dimensions,
        catalogue,
        tail,
        window,
        cohorts,
        reports,
    } = command;
    let ids = catalogue.map(|file| contents::read(&file)).transpose()?;
    let participation = match participation {
        ParticipationArg::Event => v1::Participation::Event,
        ParticipationArg::Session => v1::Participation::Session,
    };
    let request = v1::CreateMeasureRequest {
        campaign,
        name,
        event: v1::Event::from(event).into(),
        participation: participation.into(),
        dimensions,
        epsilon_micro: epsilon.micro(),
        window_seconds: seconds(window)?,
        contents: ids.map(|ids| v1::Contents { ids, tail }),
        cohorts,
        reports_per_window: reports,
    };
    let measure = admin.create_measure(request).await.map_err(refused)?.into_inner().measure.unwrap_or_default();
    println!("measure {} has the number {}", measure.name, measure.id);
    Ok(())
}

async fn key(mut admin: AdminClient, command: Key) -> Result<()> {
    match command {
        Key::Create { role, subject, expires, read_only } => {
            let role = match role {
                RoleArg::Operator => v1::Role::Operator,
                RoleArg::Publisher => v1::Role::Publisher,
                RoleArg::Brand => v1::Role::Brand,
                RoleArg::Auditor => v1::Role::Auditor,
            };
            let valid_seconds = expires.map_or(Ok(0), whole_seconds)?;
            let request = v1::CreateApiKeyRequest { role: role.into(), subject, read_only, valid_seconds };
            let answer = admin.create_api_key(request).await.map_err(refused)?;
            println!("{}", answer.into_inner().secret);
        }
        Key::List => {
            let answer = admin.list_api_keys(v1::ListApiKeysRequest {}).await.map_err(refused)?;
            let mut table = Table::new(&["number", "role", "subject", "may", "created", "expires", "state"]);
            for key in answer.into_inner().api_keys {
                let expired = key.expires_at != 0 && key.expires_at <= SystemClock.now().0;
                let state = match (key.revoked, expired) {
                    (true, _) => "revoked",
                    (false, true) => "expired",
                    (false, false) => "valid",
                };
                let may = if key.read_only || key.role() == v1::Role::Auditor { "read" } else { "all" };
                let expires = if key.expires_at == 0 { "never".to_owned() } else { utc(key.expires_at) };
                let role = key.role().as_str_name().trim_start_matches("ROLE_").to_lowercase();
                let created = utc(key.created_at);
                table.row([key.id.to_string(), role, key.subject, may.into(), created, expires, state.into()]);
            }
            table.print();
        }
        Key::Revoke { id } => {
            admin.revoke_api_key(v1::RevokeApiKeyRequest { id }).await.map_err(refused)?;
            println!("key {id} is revoked");
        }
    }
    Ok(())
}

async fn log_filter(mut admin: AdminClient, filter: String) -> Result<()> {
    let answer = admin.set_log_filter(v1::SetLogFilterRequest { filter: filter.clone() }).await.map_err(refused)?;
    let v1::SetLogFilterResponse { filter: in_force, before } = answer.into_inner();
    match filter.is_empty() {
        true => println!("{in_force}"),
        false => println!("the collector logs '{in_force}' (before: '{before}')"),
    }
    Ok(())
}

async fn record(collector: &CollectorArgs, mut admin: AdminClient, name: &str) -> Result<()> {
    let status = admin.get_status(v1::GetStatusRequest {}).await.map_err(refused)?.into_inner();
    let key = <[u8; 32]>::try_from(status.signing_key).ok().and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let key = key.context("the collector's signing key does not decode")?;
    let publishers = status.publishers.into_iter().filter_map(|status| status.publisher);
    let publisher = publishers.filter(|publisher| publisher.name == name).map(|publisher| publisher.id).next();
    let publisher = publisher.with_context(|| format!("there is no publisher '{name}'"))?;
    let record = collector.record(publisher, &key).await?;
    head::verify(&record.entries, &record.head, None)?;
    let mut table = Table::new(&["period", "closed", "reports"]);
    for entry in &record.entries {
        let counts: Vec<_> = v1::RecordEntry::from(entry).outcomes;
        table.row([entry.period.to_string(), utc(entry.closed_at.0), outcomes(&counts)]);
    }
    table.print();
    println!("\n{} periods are closed; head {}", record.head.periods, hex::encode(record.head.hash));
    Ok(())
}

fn outcomes(counts: &[v1::OutcomeCount]) -> String {
    let words = counts.iter().filter_map(|count| {
        let outcome = Outcome::from_wire(count.outcome).ok()?;
        Some(format!("{} {}", count.reports, outcome.name()))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A length of time that is at least a second: 0 would mean no end.
fn whole_seconds(duration: std::time::Duration) -> Result<u64> {
    match duration.as_secs() {
        0 => bail!("--expires: give at least 1s"),
        seconds => Ok(seconds),
    }
}

fn seconds(duration: std::time::Duration) -> Result<u32> {
    u32::try_from(duration.as_secs()).map_err(|_| anyhow::anyhow!("{} s is too long", duration.as_secs()))
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
