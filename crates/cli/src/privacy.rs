//! `tacita privacy`: what is guaranteed to the visitors of a campaign, against whom, and what is not.

use anyhow::Result;
use tacita_proto::v1;

use crate::{
    connect::{CollectorArgs, refused},
    report::export,
    table::{Table, count},
};

/// Print what is guaranteed to the visitors of a campaign: against whom, with numbers, and what is not.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// BRAND/CAMPAIGN.
    campaign: String,
    /// Print JSON: the gRPC answer, field by field.
    #[arg(long)]
    json: bool,
}

/// Fetches and prints.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut reporting = args.collector.reporting().await?;
    let request = v1::GetPrivacyRequest { campaign: args.campaign, range: None };
    let told = reporting.get_privacy(request).await.map_err(refused)?.into_inner();
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&export::json(&told, "GetPrivacyResponse")?)?),
        false => print!("{}", render(&told)),
    }
    Ok(())
}

/// The statement as text.
fn render(told: &v1::GetPrivacyResponse) -> String {
    let policy = told.policy.unwrap_or_default();
    let epsilon = |micro: u32| (f64::from(micro) / 1e6).to_string();
    let mut out = format!("{}\n\n", told.campaign);
    let mut rules = Table::new(&["rule", "value", ""]);
    rules.row(
        ["report-epsilon", &epsilon(policy.report_epsilon_micro), "the largest ε of one report"].map(str::to_owned),
    );
    rules.row(
        ["device-epsilon", &epsilon(policy.device_epsilon_micro), "of a device and epoch, on this campaign"]
            .map(str::to_owned),
    );
    rules.row(
        ["ledger-bound", &epsilon(told.ledger_bound_micro), "of a device and epoch, on the whole brand"]
            .map(str::to_owned),
    );
    rules.row(["people-per-cohort", &policy.people_per_cohort.to_string(), "at least"].map(str::to_owned));
    rules.row(
        ["reports-per-window", &policy.reports_per_window.to_string(), "before a window is shown"].map(str::to_owned),
    );
    out.push_str(&rules.render());

    let mut measures =
        Table::new(&["measure", "ε of a report", "ε of a device and epoch", "ε against the brand", "δ", "among"]);
    for one in &told.measures {
        let privacy = one.privacy.clone().unwrap_or_default();
        measures.row([
            one.measure.clone(),
            format!("{:.3}", privacy.epsilon),
            format!("{:.3}", one.device_epsilon),
            format!("{:.3}", privacy.amplified_epsilon),
            format!("{:.0e}", privacy.delta),
            count(privacy.amplified_over as f64),
        ]);
    }
    out.push_str(&format!("\n{}", measures.render()));

    out.push_str("\nGuaranteed\n");
    for one in &told.guarantees {
        out.push_str(&format!("- {}\n  against {}; rests on: {}\n", one.what, one.against, one.rests_on));
    }
    out.push_str("\nNot guaranteed\n");
    for one in &told.not_guaranteed {
        out.push_str(&format!("- {one}\n"));
    }
    out
}
