//! `tacita watch`: a brand's report that follows what is counted.

use anyhow::Result;
use tacita_proto::v1;
use tonic::Code;

use crate::{
    connect::{CollectorArgs, refused},
    logs::announce,
    report::{
        Answer,
        ask::Question,
        export::{self, Feed},
        text,
    },
    table::{iso, utc},
};

/// How many rows are followed.
const ROWS: u32 = 1_000;

/// Print a report now, and again whenever something was counted, until Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// BRAND/CAMPAIGN.
    campaign: String,
    #[command(flatten)]
    question: Question,
    /// The least seconds between two reports.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..=3_600),
        conflicts_with = "alerts"
    )]
    every: u32,
    /// Print surges as they are found, instead of a report.
    #[arg(long)]
    alerts: bool,
    /// Print JSON, one line for each report or surge: the gRPC answer, field by field.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: the columns of `tacita report --csv`, before them in reports `at`, when it was told. One head line for all.
    #[arg(long)]
    csv: bool,
    /// End after so many reports, or surges.
    #[arg(long, value_name = "N")]
    times: Option<u32>,
}

/// Follows and prints.
pub(crate) async fn run(args: Args) -> Result<()> {
    let following = async {
        match args.alerts {
            true => alerts(&args).await,
            false => reports(&args).await,
        }
    };
    let mut signals = crate::settings::Signals::take()?;
    tokio::select! {
        ended = following => ended,
        () = signals.told_to_stop() => Ok(()),
    }
}

async fn reports(args: &Args) -> Result<()> {
    let mut reporting = args.collector.reporting().await?;
    let query = Some(args.question.query(&args.campaign)?);
    let request = v1::WatchQueryRequest { query, page_size: ROWS, min_seconds: args.every };
    let mut answers = reporting.watch_query(request).await.map_err(refused)?.into_inner();
    let (mut printed, mut feed) = (0, Feed::default());
    while let Some(now) = answers.message().await.map_err(refused)? {
        match (args.json, args.csv) {
            (true, _) => println!("{}", export::json(&now, "WatchQueryResponse")?),
            (_, true) => print_rows(&mut feed, now)?,
            _ => print_report(&args.campaign, now),
        }
        printed += 1;
        if args.times == Some(printed) {
            break;
        }
    }
    Ok(())
}

fn print_report(campaign: &str, now: v1::WatchQueryResponse) {
    println!("\n── {campaign} · {}", utc(now.at));
    let answer = now.answer.unwrap_or_default();
    text::print(&answer, &|_, _| None);
    if let Some(note) = not_followed(&answer) {
        println!("\n{note}");
    }
}

/// A report as rows of one table with those before it.
fn print_rows(feed: &mut Feed, now: v1::WatchQueryResponse) -> Result<()> {
    let answer = now.answer.unwrap_or_default();
    if let Some(note) = not_followed(&answer) {
        announce(&note);
    }
    print!("{}", feed.csv(&Answer::Query(answer).sheet().led_by("at", &iso(now.at)))?);
    Ok(())
}

/// How much of an answer has no room in what is followed.
fn not_followed(answer: &v1::QueryResponse) -> Option<String> {
    let more = answer.total_rows.saturating_sub((answer.rows.len() + answer.ratios.len()) as u64);
    let note = || format!("note: {more} rows more are not followed: narrow it with --top, --filter or --by");
    (more > 0).then(note)
}

async fn alerts(args: &Args) -> Result<()> {
    args.question.takes_only("what follows surges", &[])?;
    let mut reporting = args.collector.reporting().await?;
    let request = v1::WatchAlertsRequest { campaign: args.campaign.clone(), since: 0 };
    let mut alerts = reporting.watch_alerts(request).await.map_err(refused)?.into_inner();
    let (mut printed, mut feed) = (0, Feed::default());
    loop {
        match alerts.message().await {
            Ok(Some(found)) if args.json => println!("{}", export::json(&found, "WatchAlertsResponse")?),
            Ok(Some(v1::WatchAlertsResponse { alert })) if args.csv => {
                let found = Answer::Alerts(v1::ListAlertsResponse { alerts: alert.into_iter().collect() });
                print!("{}", feed.csv(&found.sheet())?);
            }
            Ok(Some(v1::WatchAlertsResponse { alert })) => println!("{}", text::alert(&alert.unwrap_or_default())),
            Ok(None) => return Ok(()),
            Err(status) if status.code() == Code::Cancelled => return Ok(()),
            Err(status) => return Err(refused(status)),
        }
        printed += 1;
        if args.times == Some(printed) {
            return Ok(());
        }
    }
}
