//! `tacita plan`: what a measure will be able to tell, before there is one. Needs no server.

use anyhow::{Result, anyhow};
use tacita_dp::Epsilon;
use tacita_proto::v1;
use tacita_protocol::policy::CampaignPolicy;

use crate::{
    admin::{EventArg, dimension},
    report::{export, text},
    settings::{duration, epsilon},
    table::{Table, count},
};

/// Say what a measure will be able to tell with some traffic: the interval of each cell, the smallest share that can be seen, and
/// what would show a smaller one. It keeps to the policy of a collector that sets none: ε of 6 at most.
///
/// For example: tacita plan --event arrival --epsilon 2 --reports 5000 --share whatsapp=0.08 --share signal=0.01
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What it counts.
    #[arg(long, value_enum)]
    event: EventArg,
    /// Local privacy of one report.
    #[arg(long, value_name = "EPSILON", value_parser = epsilon)]
    epsilon: Epsilon,
    /// Reports expected in one window.
    #[arg(long, value_name = "N")]
    reports: u64,
    /// The length of a window.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = duration)]
    window: std::time::Duration,
    /// How many windows are read together.
    #[arg(long, value_name = "N", default_value_t = 1)]
    windows: u32,
    /// A dimension with its labels; repeat for several. `channel` over the channel table when none is given.
    #[arg(long = "dimension", value_name = "NAME=LABELS", value_parser = dimension)]
    dimensions: Vec<v1::Dimension>,
    /// A dimension `content` over so many contents.
    #[arg(long, value_name = "N")]
    contents: Option<u32>,
    /// The share of reports expected in a cell: LABEL=SHARE, labels of several dimensions joined by commas; repeat for several.
    #[arg(long = "share", value_name = "LABEL=SHARE", value_parser = share)]
    shares: Vec<v1::ExpectedShare>,
    /// Print JSON: the gRPC answer, field by field.
    #[arg(long)]
    json: bool,
}

pub(crate) fn share(text: &str) -> Result<v1::ExpectedShare, String> {
    let parse = || {
        let (labels, share) = text.rsplit_once('=')?;
        let share = match share.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
            None => share.parse().ok()?,
        };
        let labels = labels.split(',').map(|label| label.trim().to_owned()).collect();
        (0.0..=1.0).contains(&share).then_some(v1::ExpectedShare { labels, share })
    };
    parse()
        .ok_or_else(|| format!("'{text}' is not a share: write LABEL=SHARE, for example whatsapp=0.08 or whatsapp=8%"))
}

/// Plans and prints.
pub(crate) fn run(args: Args) -> Result<()> {
    let mut dimensions = args.dimensions;
    dimensions.extend(args.contents.map(|contents| v1::Dimension {
        name: "content".to_owned(),
        labels: Vec::new(),
        catalogue: Some(v1::CatalogueRef { digest: Vec::new(), contents, tail: 0 }),
    }));
    let measure = v1::Measure {
        event: v1::Event::from(args.event).into(),
        dimensions,
        epsilon_micro: args.epsilon.micro(),
        window_seconds: u32::try_from(args.window.as_secs()).unwrap_or(u32::MAX),
        ..Default::default()
    };
    let request = v1::PlanMeasureRequest {
        measure: Some(measure),
        reports_per_window: args.reports,
        windows: args.windows,
        shares: args.shares,
    };
    let plan = tacita_collector::plan_measure(request, &CampaignPolicy::default())
        .map_err(|status| anyhow!("{}", status.message()))?;
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&export::json(&plan, "PlanMeasureResponse")?)?),
        false => print!("{}", render(&plan)),
    }
    Ok(())
}

fn render(plan: &v1::PlanMeasureResponse) -> String {
    let mut out = format!("{} cells, {} reports\n", count(f64::from(plan.cells)), count(plan.reports as f64));
    if let Some(privacy) = &plan.privacy {
        out.push_str(&format!("{}\n", text::privacy_line(privacy)));
    }
    let mut table = Table::new(&["cell", "share", "expected", "95 % interval", "±", ""]);
    for cell in &plan.planned {
        let expected = cell.expected.unwrap_or_default();
        table.row([
            if cell.labels.is_empty() { "each other".to_owned() } else { cell.labels.join(" × ") },
            format!("{:.3} %", 100.0 * cell.share),
            count(expected.value),
            format!("{} … {}", count(expected.low), count(expected.high)),
            if cell.share > 0.0 { format!("{:.0} %", 100.0 * cell.relative_half_width) } else { String::new() },
            remedy(cell, expected.above_zero),
        ]);
    }
    out.push_str(&table.render());
    out.push_str(&match plan.smallest_share {
        Some(share) => format!("the smallest share that can be told from zero: {:.3} %\n", 100.0 * share),
        None => "no share can be told from zero with so few reports\n".to_owned(),
    });
    out
}

fn remedy(cell: &v1::PlannedCell, told: bool) -> String {
    let epsilon = cell.epsilon_needed.map(|epsilon| format!("ε = {epsilon:.2}"));
    let windows = cell.windows_needed.map(|windows| format!("{} windows together", count(windows as f64)));
    let remedies: Vec<String> = epsilon.into_iter().chain(windows).collect();
    match (told, remedies.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "not told from zero".to_owned(),
        (false, false) => format!("not told from zero; {} would", remedies.join(", or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_label_and_a_number_or_percentage() {
        assert_eq!(share("whatsapp=8%").unwrap().share, 0.08);
        assert_eq!(share("whatsapp,confirmed=0.1").unwrap().labels, ["whatsapp", "confirmed"]);
        assert_eq!(share("0..50=0.5").unwrap().labels, ["0..50"]);
        for bad in ["whatsapp", "whatsapp=2", "whatsapp=x", "whatsapp=-1"] {
            assert!(share(bad).unwrap_err().contains("LABEL=SHARE"), "{bad}");
        }
    }
}
