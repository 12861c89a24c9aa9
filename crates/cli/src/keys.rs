//! `tacita keys`: the epochs' keys.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;
use ed25519_dalek::VerifyingKey;
use tacita_client::{GrpcTransport, Transport as _};
use tacita_proto::v1;
use tacita_protocol::{
    directory,
    epoch::EpochEntry,
    id::PublisherId,
    time::{Clock as _, SystemClock},
};
use tacita_tls::{ClientTls, Server};

use crate::{
    connect::{CollectorArgs, refused},
    settings::{duration, signing_key},
    table::{Table, utc},
};

/// The epochs' keys: list them, rotate, or verify that several relays serve the same ones.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the published epochs with their public keys.
    List,
    /// End the active epoch now and start the next one. Tokens in flight stay good for the grace period.
    ///
    /// The next key was published ahead and lies in the vault already: if the vault was copied, give it up with --compromised.
    Rotate {
        /// The vault may be known to others: give up all keys in it, end their epochs without grace, and start one with
        /// a fresh key.
        ///
        /// WHY is for the audit log. Tokens that devices hold are void (they fetch new ones), and reports in flight are lost.
        /// The signing key lies in the vault too: nothing changes it in place.
        #[arg(long, value_name = "WHY")]
        compromised: Option<String>,
        /// Take reports in flight for so long, for example 1h, although whoever has the keys can read and forge them.
        #[arg(long, value_name = "TIME", requires = "compromised", value_parser = duration)]
        grace: Option<Duration>,
    },
    Verify(Box<Verify>),
}

/// Compare the manifests of several relays and name every difference between their keys.
///
/// A collector that gave one publisher's visitors a key of their own could recognise them by it. Ask relays of different
/// publishers, from different places. Exits with an error when anything differs.
#[derive(clap::Args)]
struct Verify {
    /// A relay and its publisher's number, for example `1@http://relay.example:7602`; give two or more.
    #[arg(required = true, num_args = 2.., value_name = "PUBLISHER@URL", value_parser = source)]
    relays: Vec<Source>,
    /// The collector's signing key, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", env = "TACITA_SIGNING_KEY", value_parser = signing_key)]
    signing_key: VerifyingKey,
}

/// A relay to ask, and for which publisher.
#[derive(Clone)]
struct Source {
    publisher: PublisherId,
    relay: String,
}

fn source(text: &str) -> Result<Source, String> {
    let remedy = || format!("'{text}' is not a relay: write PUBLISHER@URL, for example 1@http://relay.example:7602");
    let (publisher, relay) = text.split_once('@').ok_or_else(remedy)?;
    Ok(Source { publisher: PublisherId(publisher.parse().map_err(|_| remedy())?), relay: relay.to_owned() })
}

/// Runs one of the three.
pub(crate) async fn run(args: Args) -> Result<()> {
    let Args { collector, command } = args;
    match command {
        Command::List => {
            let mut admin = collector.admin().await?;
            let status = admin.get_status(v1::GetStatusRequest {}).await.map_err(refused)?.into_inner();
            print(&read(&status.epochs)?);
            Ok(())
        }
        Command::Rotate { compromised, grace } => {
            let mut admin = collector.admin().await?;
            let grace_seconds = grace.map_or(0, |grace| grace.as_secs());
            let compromise = compromised.map(|reason| v1::Compromise { reason, grace_seconds });
            let answer = admin.rotate_epoch(v1::RotateEpochRequest { compromise }).await.map_err(refused)?.into_inner();
            if let Some(active) = &answer.active {
                println!("epoch {} is active; it ends {}", active.epoch, utc(active.ends_at));
            }
            ensure!(
                answer.unfinished.is_empty(),
                "what was asked stands in the log, do not ask again. What follows it is not done yet: {}. The collector repeats it until it is \
                 done: `tacita keys list` shows how the epochs stand, `tacita status` what is amiss",
                answer.unfinished
            );
            answer.active.context("the collector did not say which epoch is active")?;
            Ok(())
        }
        Command::Verify(args) => verify(&args.relays, &args.signing_key, &collector.tls()?).await,
    }
}

fn read(entries: &[v1::EpochEntry]) -> Result<Vec<EpochEntry>> {
    Ok(entries.iter().map(EpochEntry::try_from).collect::<Result<_, _>>()?)
}

fn print(entries: &[EpochEntry]) {
    let mut table = Table::new(&["epoch", "state", "starts", "ends", "closes", "public key"]);
    for entry in entries {
        let [starts, ends, closes] = [entry.starts_at, entry.ends_at, entry.closes_at].map(|time| utc(time.0));
        let state = entry.state(SystemClock.now()).name().to_owned();
        let key = hex::encode(entry.public_key.to_bytes());
        table.row([entry.epoch.to_string(), state, starts, ends, closes, key]);
    }
    table.print();
}

async fn verify(relays: &[Source], signing_key: &VerifyingKey, tls: &ClientTls) -> Result<()> {
    let mut directories = Vec::new();
    for source in relays {
        let name = format!("{}@{}", source.publisher, source.relay);
        let server = Server::new(&source.relay, tls)?;
        let transport = GrpcTransport::over(server.connect_lazy(), server.connect_lazy());
        let signed = transport.manifest(source.publisher).await.with_context(|| name.clone())?;
        let manifest = signed.verify(signing_key, source.publisher).with_context(|| name.clone())?;
        println!("{name}: {} epochs, chained and signed", manifest.epochs.len());
        directories.push((name, manifest.epochs));
    }
    let disagreements = directory::compare(&directories);
    for disagreement in &disagreements {
        println!("{disagreement}");
    }
    ensure!(
        disagreements.is_empty(),
        "{} differences: do not trust this collector before they are explained",
        disagreements.len()
    );
    println!("all {} relays serve the same keys", relays.len());
    Ok(())
}
