//! `tacita admin`: what the neutral operator does.

mod arguments;

use anyhow::{Context as _, Result, bail};
use ed25519_dalek::VerifyingKey;
use tacita_proto::v1;
use tacita_protocol::{
    outcome::Outcome,
    time::{Clock as _, SystemClock},
};
use tacita_relay::receipts::head;

#[cfg(feature = "fuzzing")]
pub(crate) use self::arguments::cohort;
pub(crate) use self::arguments::{Args, EventArg, dimension};
use self::arguments::{Brand, Campaign, Command, Key, Measure, ParticipationArg, Publisher, RoleArg};
use crate::{
    connect::{AdminClient, CollectorArgs, refused},
    contents,
    table::{Table, utc},
};

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
