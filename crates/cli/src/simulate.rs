//! `tacita simulate`: a made-up audience through servers that run already.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use ed25519_dalek::VerifyingKey;
use tacita_protocol::{
    id::{CampaignId, PublisherId},
    time::SystemClock,
};

use crate::{
    settings::{duration, http_address, signing_key},
    simulation::{
        audience::Audience,
        drive::{Driven, Target, drive, progress},
    },
    table::{Table, count},
    tls::ClientTlsArgs,
};

/// How far ahead of its clock a collector counts reports, unless configured otherwise (`spec/measures.md`).
const LONGEST_AHEAD: Duration = Duration::from_secs(3_600);

/// Send a made-up audience of SDK clients through a running relay.
///
/// The audience's proportions are invented; what its devices do is real. Prints what was answered before noise, to be
/// compared with `tacita report`. The relay must trust this machine as a proxy (`trusted-proxies`), since the devices
/// all connect from here.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The relay's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7602", value_parser = http_address)]
    relay: String,
    #[command(flatten)]
    tls: ClientTlsArgs,
    /// The publisher's number.
    #[arg(long, value_name = "NUMBER")]
    publisher: u32,
    /// The collector's signing key, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = signing_key)]
    signing_key: VerifyingKey,
    /// The campaign's number, for the tags in links.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    campaign: u32,
    /// How many sessions.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    sessions: u64,
    /// What the audience and its noise are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long after its first session a device comes again, by a clock of its own: an hour at most. Sharers'
    /// profiles, which tell of the window before, need it as long as their windows.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    return_after: Duration,
    /// How long to go on when the relay does not answer.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    patience: Duration,
}

/// Runs the audience.
pub(crate) async fn run(args: Args) -> Result<()> {
    ensure!(
        args.return_after <= LONGEST_AHEAD,
        "--return-after: at most an hour, since collectors count no report that is further ahead"
    );
    let target = Target {
        relay: args.relay,
        tls: args.tls.read()?,
        publisher: PublisherId(args.publisher),
        signing_key: args.signing_key,
        clock: Arc::new(SystemClock),
        patience: args.patience,
    };
    let bar = progress(args.sessions);
    let audience = Audience::new(args.seed, args.sessions, CampaignId(args.campaign));
    let audience = audience.returning_after(args.return_after.as_secs());
    let driven = drive(audience, &target, &bar).await?;
    bar.finish_and_clear();
    print(&driven);
    Ok(())
}

fn print(driven: &Driven) {
    println!(
        "{} devices handed over {} reports",
        count(driven.devices as f64),
        count(driven.truth.all_reports() as f64)
    );
    println!("{} slots reported `none` because the device's ledger was exhausted", count(driven.exhausted as f64));
    let mut table = Table::new(&["measure", "cell", "truth before noise"]);
    for ((measure, cell), truth) in driven.truth.cells() {
        table.row([measure.to_string(), cell.to_string(), count(truth as f64)]);
    }
    table.print();
}
