//! `tacita demo`: every party on this machine, a made-up audience, and the brand's report.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tacita_proto::v1;
use tacita_protocol::{
    channel::Grade,
    domain::Domain,
    measure::Event,
    outcome::Outcome,
    time::{Clock, SystemClock},
};
use tacita_tls::ClientTls;

use crate::{
    connect::refused,
    simulation::{
        audience::Audience,
        clock::SimulatedClock,
        drive::{Driven, Target, drive, progress, until_counted},
        loopback::{CAMPAIGN, Loopback, Plan},
        truth::Coverage,
    },
    table::{Table, count},
};

/// How long the demo waits for a server of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Run every party on this machine and print a brand's report.
///
/// Starts a collector and a relay on loopback with the embedded store in a temporary folder, sends a made-up audience of SDK
/// clients through them over gRPC, then asks for the report as the brand would.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many sessions.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    sessions: u64,
    /// What the audience and its noise are drawn from: the same seed, the same report (with --serve, on the same day).
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave the servers running afterwards, until Ctrl-C.
    #[arg(long)]
    serve: bool,
}

/// The windows of sharers' profiles, in seconds, and how long after its first session a device comes again: so short
/// that reports of the window after are not too far ahead to be counted.
const PROFILE_WINDOW: u32 = 1_800;

/// Runs the demo.
pub(crate) async fn run(args: Args) -> Result<()> {
    let began = Instant::now();
    // Servers that stay are spoken to by other programs, which go by the day's date.
    let clock: Arc<dyn Clock> = if args.serve { Arc::new(SystemClock) } else { Arc::new(SimulatedClock::start()) };
    let plan =
        Plan { token_batch: 8, ledger_bound_micro: 12_000_000, measures: measures(args.serve), clock: clock.clone() };
    let mut loopback = Loopback::start(plan).await?;
    println!("collector on http://{}, relay on {}", loopback.collector.address(), loopback.relay_url());
    println!("a made-up audience of {} sessions (seed {}):", count(args.sessions as f64), args.seed);

    let target = Target {
        relay: loopback.relay_url(),
        tls: ClientTls::default(),
        publisher: loopback.publisher,
        signing_key: loopback.signing_key,
        clock,
        patience: PATIENCE,
    };
    let bar = progress(args.sessions);
    let audience = Audience::new(args.seed, args.sessions, loopback.campaign).returning_after(PROFILE_WINDOW.into());
    let driven = drive(audience, &target, &bar).await?;
    let report = until_counted(&mut loopback.reporting, CAMPAIGN, &driven.truth, PATIENCE).await?;
    bar.finish_and_clear();

    println!("\nthe brand's report of {CAMPAIGN}, fetched over gRPC");
    crate::report::text::print(&report, &|measure, cell| Some(driven.truth.count(measure, cell)));
    print_coverage(&report, &driven);
    print_who_saw_what(&mut loopback, &driven, &report).await?;
    println!("\n{:.1} s in all; the audience is invented, the path is real", began.elapsed().as_secs_f64());
    if args.serve {
        serve(&loopback).await?;
    }
    loopback.stop().await
}

/// A measure of each kind; for servers that stay also one of arrivals by channel and grade, for whoever asks what GA4
/// would have said.
fn measures(stay: bool) -> Vec<v1::CreateMeasureRequest> {
    let measure = |name: &str, event: v1::Event| v1::CreateMeasureRequest {
        name: name.to_owned(),
        event: event.into(),
        epsilon_micro: 2_000_000,
        ..Default::default()
    };
    let dimension = |name: &str, labels: &[&str]| v1::Dimension {
        name: name.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        catalogue: None,
    };
    let channels = ["whatsapp", "messenger", "telegram", "email", "facebook", "search", "unattributed", "other"];
    let mut graded = measure("grades", v1::Event::Arrival);
    graded.dimensions = Domain::default_dimensions(Event::Arrival).iter().map(Into::into).collect();
    graded.dimensions.push(dimension("grade", &Grade::ALL.map(Grade::name)));
    let mut measures = vec![
        measure("arrivals", v1::Event::Arrival),
        measure("reach", v1::Event::Reach),
        measure("shares", v1::Event::Share),
        v1::CreateMeasureRequest {
            dimensions: vec![dimension("channel", &channels), dimension("value", &["0..50", "50.."])],
            ..measure("conversions", v1::Event::Conversion)
        },
        v1::CreateMeasureRequest { window_seconds: PROFILE_WINDOW, ..measure("sharers", v1::Event::SharerProfile) },
    ];
    measures.extend(stay.then_some(graded));
    measures
}

fn print_coverage(report: &v1::QueryResponse, driven: &Driven) {
    let mut coverage = Coverage::default();
    for measure in &report.measures {
        coverage += driven.truth.covered(report, measure);
    }
    println!(
        "\n{} of {} intervals hold the truth ({:.1} %; 95 % are meant to)",
        coverage.held,
        coverage.of,
        100.0 * coverage.share()
    );
}

async fn print_who_saw_what(loopback: &mut Loopback, driven: &Driven, report: &v1::QueryResponse) -> Result<()> {
    let seen = loopback.relay.seen();
    let status = loopback.admin.get_status(v1::GetStatusRequest {}).await.map_err(refused)?.into_inner();
    let publisher = status.publishers.into_iter().next().unwrap_or_default();
    let counted = |wanted: Outcome| -> u64 {
        let of_outcome = publisher.outcomes.iter().filter(|count| count.outcome == wanted.to_wire());
        of_outcome.map(|count| count.reports).sum()
    };
    let cells = report.rows.len() + report.measures.len();

    println!("\nwho saw what");
    let mut table = Table::new(&["party", "saw"]);
    let mut row = |party: &str, saw: String| table.row([party.to_owned(), saw]);
    row(
        "devices",
        format!(
            "{} of them, each its own true values; {} slots reported `none` because the ledger was exhausted",
            count(driven.devices as f64),
            count(driven.exhausted as f64)
        ),
    );
    row(
        "relay",
        format!(
            "{} visitors' addresses, {} token requests, {} opaque envelopes of {} bytes; no value",
            count(seen.visitors as f64),
            count(seen.token_requests as f64),
            count(seen.envelopes_queued as f64),
            tacita_protocol::report::ENVELOPE_LEN,
        ),
    );
    row(
        "collector",
        format!(
            "{} tokens issued blindly, {} randomized values in {} shuffled batches; no address, no true value",
            count(publisher.tokens_issued as f64),
            count(counted(Outcome::Counted) as f64),
            count(seen.batches_uploaded as f64),
        ),
    );
    row("brand", format!("{cells} estimates with intervals; no report"));
    table.print();
    Ok(())
}

async fn serve(loopback: &Loopback) -> Result<()> {
    let (collector, relay) = (loopback.collector.address(), loopback.relay_url());
    let signing_key = hex::encode(loopback.signing_key.to_bytes());
    println!("\nstill running; stop with Ctrl-C. Meanwhile, in another terminal:");
    println!("  tacita report --collector http://{collector} --key {} {CAMPAIGN} --reconciliation", loopback.brand_key);
    println!("  tacita simulate --relay {relay} --publisher {} --signing-key {signing_key}", loopback.publisher);
    crate::settings::Signals::take()?.told_to_stop().await;
    Ok(())
}
