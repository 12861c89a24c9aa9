//! `tacita report`: a brand's report, fetched over gRPC.

pub(crate) mod ask;
mod chart;
pub(crate) mod export;
pub(crate) mod text;

use std::path::PathBuf;

use anyhow::Result;
use tacita_proto::v1;

use self::ask::{Question, ask};
pub(crate) use self::ask::{counted, everything, name_of, rows_of};
use crate::{
    connect::{CollectorArgs, ReportingClient, refused},
    table::Table,
};

/// Print the report of a campaign: estimates and ratios with their 95 % intervals.
///
/// Without a campaign it lists the campaigns that the key may query.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// BRAND/CAMPAIGN.
    campaign: Option<String>,
    #[command(flatten)]
    question: Question,
    /// Share → return visit → conversion, and generations.
    #[arg(long, conflicts_with_all = ["reconciliation", "csv"])]
    funnel: bool,
    /// What Google Analytics 4 would have called each arrival, next to what it was.
    #[arg(long, conflicts_with = "csv")]
    reconciliation: bool,
    /// Surges that were found: more than the time before explains.
    #[arg(long, conflicts_with_all = ["funnel", "reconciliation", "csv", "svg", "png"])]
    alerts: bool,
    /// Print JSON: the gRPC answer, field by field.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV.
    #[arg(long)]
    csv: bool,
    /// Write a picture with error bars to FILE.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["funnel", "reconciliation"])]
    svg: Option<PathBuf>,
    /// The same as PNG, drawn with the fonts of this machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["funnel", "reconciliation"])]
    png: Option<PathBuf>,
}

/// Fetches and prints.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut reporting = args.collector.reporting().await?;
    let Some(campaign) = &args.campaign else { return list(&mut reporting).await };
    if args.funnel {
        return funnel(&mut reporting, campaign, &args).await;
    }
    if args.reconciliation {
        return reconciliation(&mut reporting, campaign, &args).await;
    }
    if args.alerts {
        return alerts(&mut reporting, campaign, &args).await;
    }
    let answer = ask(&mut reporting, args.question.query(campaign)?).await?;
    if args.svg.is_some() || args.png.is_some() {
        return draw(&answer, &args);
    }
    match (args.json, args.csv) {
        (true, _) => print_json(&answer, "QueryResponse")?,
        (_, true) => print!("{}", export::csv(&answer)?),
        _ => text::print(&answer, &|_, _| None),
    }
    Ok(())
}

fn draw(answer: &v1::QueryResponse, args: &Args) -> Result<()> {
    let picture = chart::svg(answer);
    if let Some(path) = &args.svg {
        chart::write(path, picture.as_bytes())?;
    }
    if let Some(path) = &args.png {
        chart::write(path, &chart::png(&picture)?)?;
    }
    Ok(())
}

async fn funnel(reporting: &mut ReportingClient, campaign: &str, args: &Args) -> Result<()> {
    let request = v1::GetFunnelRequest {
        campaign: campaign.to_owned(),
        range: args.question.range(),
        group_by: args.question.group_of_funnel()?,
        filters: args.question.filters(),
    };
    let funnel = reporting.get_funnel(request).await.map_err(refused)?.into_inner();
    match args.json {
        true => print_json(&funnel, "GetFunnelResponse")?,
        false => print!("{}", text::funnel(&funnel)),
    }
    Ok(())
}

async fn reconciliation(reporting: &mut ReportingClient, campaign: &str, args: &Args) -> Result<()> {
    let request = v1::GetReconciliationRequest {
        campaign: campaign.to_owned(),
        range: args.question.range(),
        filters: args.question.filters(),
    };
    let view = reporting.get_reconciliation(request).await.map_err(refused)?.into_inner();
    match args.json {
        true => print_json(&view, "GetReconciliationResponse")?,
        false => print!("{}", text::reconciliation(&view)),
    }
    Ok(())
}

async fn alerts(reporting: &mut ReportingClient, campaign: &str, args: &Args) -> Result<()> {
    let range = args.question.range().unwrap_or_default();
    let request = v1::ListAlertsRequest { campaign: campaign.to_owned(), since: range.from };
    let mut found = reporting.list_alerts(request).await.map_err(refused)?.into_inner();
    found.alerts.retain(|alert| range.to == 0 || alert.found_at < range.to);
    if args.json {
        return print_json(&found, "ListAlertsResponse");
    }
    if found.alerts.is_empty() {
        println!("nothing surged");
    }
    for alert in &found.alerts {
        println!("{}", text::alert(alert));
    }
    Ok(())
}

fn print_json(message: &impl prost::Message, name: &str) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&export::json(message, name)?)?);
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
