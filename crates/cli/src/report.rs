//! `tacita report`: a brand's report, fetched over gRPC.

use anyhow::{Context as _, Result};
use tacita_proto::v1;

use crate::{
    connect::{CollectorArgs, ReportingClient, refused},
    table::{Table, count},
};

/// Print the report of a campaign: estimates with their 95 % intervals.
///
/// Without a campaign it lists the campaigns that the key may query.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// BRAND/CAMPAIGN.
    campaign: Option<String>,
    /// Only this measure; repeat for several.
    #[arg(long = "measure", value_name = "NAME")]
    measures: Vec<String>,
    /// The first day, YYYY-MM-DD (UTC).
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<u64>,
    /// The day after the last one, YYYY-MM-DD (UTC).
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<u64>,
    /// Only the N cells with the largest estimates of each measure, and `none`.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    top: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn day(text: &str) -> Result<u64, String> {
    let parse = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        u64::try_from(midnight.timestamp().as_second()).ok()
    };
    parse().ok_or_else(|| format!("'{text}' is not a day: write YYYY-MM-DD, for example 2026-11-22"))
}

/// Fetches and prints.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut reporting = args.collector.reporting().await?;
    let Some(campaign) = args.campaign else { return list(&mut reporting).await };
    let request = v1::GetReportRequest {
        campaign,
        measures: args.measures,
        from: args.from.unwrap_or(0),
        to: args.to.unwrap_or(0),
        top: args.top,
    };
    let report = fetch(&mut reporting, request).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&json(&report))?);
    } else {
        print(&report, &|_, _| None);
    }
    Ok(())
}

async fn list(reporting: &mut ReportingClient) -> Result<()> {
    let campaigns =
        reporting.list_campaigns(v1::ListCampaignsRequest {}).await.map_err(refused)?.into_inner().campaigns;
    let mut table = Table::new(&["campaign", "publishers", "measures"]);
    for campaign in campaigns {
        let measures: Vec<String> = campaign.measures.into_iter().map(|measure| measure.name).collect();
        table.row([campaign.name, campaign.publishers.join(", "), measures.join(", ")]);
    }
    table.print();
    Ok(())
}

/// Asks for a report.
pub(crate) async fn fetch(
    reporting: &mut ReportingClient,
    request: v1::GetReportRequest,
) -> Result<v1::GetReportResponse> {
    Ok(reporting.get_report(request).await.map_err(refused)?.into_inner())
}

/// Prints every measure; `truth` gives the true count of a cell (measure's number, cell) where a simulation knows it.
pub(crate) fn print(report: &v1::GetReportResponse, truth: &dyn Fn(u32, usize) -> Option<u64>) {
    for measure in &report.measures {
        print_measure(measure, truth);
    }
}

fn print_measure(report: &v1::MeasureReport, truth: &dyn Fn(u32, usize) -> Option<u64>) {
    let measure = report.measure.clone().unwrap_or_default();
    let event = measure.event().as_str_name().trim_start_matches("EVENT_").to_lowercase();
    println!("\n{} · {event} · {} reports", measure.name, count(report.reports as f64));
    if let Some(privacy) = &report.privacy {
        println!("{}", privacy_line(privacy));
    }
    let heads: Vec<&str> = measure.dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
    let truth = |cell: &v1::CellEstimate| truth(measure.id, cell.cell as usize);
    let known = report.cells.iter().any(|cell| truth(cell).is_some());
    let mut columns = vec![heads.join(" × "), "estimate".to_owned(), "95 % interval".to_owned(), String::new()];
    if known {
        columns.insert(3, "truth".to_owned());
    }
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for cell in &report.cells {
        let truth = truth(cell);
        if truth.unwrap_or(0) == 0 && !cell.above_zero && report.cells.len() > 12 {
            continue;
        }
        let mut row = vec![
            label(cell),
            count(cell.estimate),
            format!("{} … {}", count(cell.low), count(cell.high)),
            note(cell, truth),
        ];
        if known {
            row.insert(3, truth.map_or_else(String::new, |truth| count(truth as f64)));
        }
        table.row(row);
    }
    table.print();
}

/// A cell's labels as one, `none` for the first cell.
pub(crate) fn label(cell: &v1::CellEstimate) -> String {
    if cell.labels.is_empty() { "none".to_owned() } else { cell.labels.join(" × ") }
}

fn note(cell: &v1::CellEstimate, truth: Option<u64>) -> String {
    let missed = truth.is_some_and(|truth| !(cell.low..=cell.high).contains(&(truth as f64)));
    match (missed, cell.above_zero, cell.reports_needed) {
        (true, ..) => "interval misses the truth".to_owned(),
        (false, true, _) => String::new(),
        (false, false, Some(needed)) => {
            format!("not told from zero; about {} more reports would", count(needed as f64))
        }
        (false, false, None) => "not told from zero".to_owned(),
    }
}

fn privacy_line(privacy: &v1::Privacy) -> String {
    format!(
        "privacy of one report: ε = {:.3} against everyone; ε = {:.3}, δ = {:.0e} against who sees only totals of {} \
         reports ({})",
        privacy.epsilon,
        privacy.amplified_epsilon,
        privacy.delta,
        count(privacy.amplified_over as f64),
        privacy.mechanism,
    )
}

/// The report as JSON, field names as in `proto/`.
pub(crate) fn json(report: &v1::GetReportResponse) -> serde_json::Value {
    let cells = |cells: &[v1::CellEstimate]| -> Vec<serde_json::Value> {
        let cell = |cell: &v1::CellEstimate| {
            serde_json::json!({
                "labels": cell.labels, "estimate": cell.estimate, "variance": cell.variance, "low": cell.low,
                "high": cell.high, "above_zero": cell.above_zero, "reports_needed": cell.reports_needed, "cell": cell.cell,
            })
        };
        cells.iter().map(cell).collect()
    };
    let measure = |report: &v1::MeasureReport| {
        let measure = report.measure.clone().unwrap_or_default();
        serde_json::json!({
            "measure": measure.name, "event": measure.event().as_str_name(), "epsilon_micro": measure.epsilon_micro,
            "reports": report.reports, "windows": report.windows, "cells": cells(&report.cells),
            "privacy": report.privacy.as_ref().map(|privacy| serde_json::json!({
                "mechanism": privacy.mechanism, "epsilon": privacy.epsilon,
                "amplified_epsilon": privacy.amplified_epsilon, "delta": privacy.delta,
                "amplified_over": privacy.amplified_over,
            })),
        })
    };
    serde_json::json!({ "campaign": report.campaign, "measures": report.measures.iter().map(measure).collect::<Vec<_>>() })
}

/// How many reports of a campaign are counted, of all measures.
pub(crate) async fn counted(reporting: &mut ReportingClient, campaign: &str) -> Result<u64> {
    let request = v1::GetReportRequest { campaign: campaign.to_owned(), top: 1, ..Default::default() };
    let report = fetch(reporting, request).await.with_context(|| format!("the report of {campaign}"))?;
    Ok(report.measures.iter().map(|measure| measure.reports).sum())
}

/// The report of one campaign, all measures and windows.
pub(crate) async fn whole(reporting: &mut ReportingClient, campaign: &str) -> Result<v1::GetReportResponse> {
    let request = v1::GetReportRequest { campaign: campaign.to_owned(), ..Default::default() };
    fetch(reporting, request).await.with_context(|| format!("the report of {campaign}"))
}
