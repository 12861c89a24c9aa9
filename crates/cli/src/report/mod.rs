//! `tacita report`: a brand's report, fetched over gRPC.

mod answer;
pub(crate) mod ask;
mod chart;
pub(crate) mod export;
pub(crate) mod text;

use std::path::PathBuf;

use anyhow::Result;
use tacita_proto::v1;

use self::ask::{Question, ask};
pub(crate) use self::{
    answer::Answer,
    ask::{counted, everything, name_of, rows_of},
};
use crate::connect::{CollectorArgs, ReportingClient, refused};

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
    #[arg(long, conflicts_with = "reconciliation", requires = "campaign")]
    funnel: bool,
    /// What Google Analytics 4 would have called each arrival, next to what it was.
    #[arg(long, requires = "campaign")]
    reconciliation: bool,
    /// Surges that were found: more than the time before explains. Without a campaign, those of all.
    #[arg(long, conflicts_with_all = ["funnel", "reconciliation"])]
    alerts: bool,
    /// Print JSON: the gRPC answer, field by field.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: numbers in full, times in ISO 8601.
    #[arg(long)]
    csv: bool,
    /// Write a picture to FILE: bars with their intervals, and with --granularity lines over time.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The same as PNG, drawn with the fonts of this machine.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

/// Fetches, writes pictures, and prints: a table unless something else is asked for.
pub(crate) async fn run(args: Args) -> Result<()> {
    let answer = args.ask(&mut args.collector.reporting().await?).await?;
    let drawn = args.svg.is_some() || args.png.is_some();
    if drawn {
        chart::write(&answer.panels()?, args.svg.as_deref(), args.png.as_deref())?;
    }
    match (args.json, args.csv) {
        (true, _) => println!("{}", serde_json::to_string_pretty(&answer.json()?)?),
        (_, true) => print!("{}", answer.sheet().csv()?),
        _ if drawn => {}
        _ => print!("{}", answer.text()),
    }
    Ok(())
}

impl Args {
    async fn ask(&self, reporting: &mut ReportingClient) -> Result<Answer> {
        match &self.campaign {
            campaign if self.alerts => self.alerts(reporting, campaign.as_deref().unwrap_or_default()).await,
            None => self.campaigns(reporting).await,
            Some(campaign) if self.funnel => self.funnel(reporting, campaign).await,
            Some(campaign) if self.reconciliation => self.reconciliation(reporting, campaign).await,
            Some(campaign) => Ok(Answer::Query(ask(reporting, self.question.query(campaign)?).await?)),
        }
    }

    async fn campaigns(&self, reporting: &mut ReportingClient) -> Result<Answer> {
        self.question.takes_only("the list of campaigns (no campaign is named)", &[])?;
        let campaigns = reporting.list_campaigns(v1::ListCampaignsRequest {}).await.map_err(refused)?;
        Ok(Answer::Campaigns(campaigns.into_inner()))
    }

    async fn funnel(&self, reporting: &mut ReportingClient, campaign: &str) -> Result<Answer> {
        self.question.takes_only("a funnel", &["--from", "--to", "--by", "--filter"])?;
        let by = self.question.group_of_funnel()?;
        let request = v1::GetFunnelRequest {
            campaign: campaign.to_owned(),
            range: self.question.range()?,
            group_by: by.clone(),
            filters: self.question.filters(),
        };
        let funnel = reporting.get_funnel(request).await.map_err(refused)?.into_inner();
        Ok(Answer::Funnel { funnel, by })
    }

    async fn reconciliation(&self, reporting: &mut ReportingClient, campaign: &str) -> Result<Answer> {
        self.question.takes_only("the reconciliation", &["--from", "--to", "--filter"])?;
        let request = v1::GetReconciliationRequest {
            campaign: campaign.to_owned(),
            range: self.question.range()?,
            filters: self.question.filters(),
        };
        Ok(Answer::Reconciliation(reporting.get_reconciliation(request).await.map_err(refused)?.into_inner()))
    }

    async fn alerts(&self, reporting: &mut ReportingClient, campaign: &str) -> Result<Answer> {
        self.question.takes_only("the list of surges", &["--from", "--to"])?;
        let range = self.question.range()?.unwrap_or_default();
        let request = v1::ListAlertsRequest { campaign: campaign.to_owned(), since: range.from };
        let mut found = reporting.list_alerts(request).await.map_err(refused)?.into_inner();
        found.alerts.retain(|alert| range.to == 0 || alert.found_at < range.to);
        Ok(Answer::Alerts(found))
    }
}
