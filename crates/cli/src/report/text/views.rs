//! Funnel, reconciliation, surges and the list of campaigns as text.

use tacita_proto::v1;

use super::figures;
use crate::table::{Table, count, decimal, utc};

/// What stands where a measure does not tell a group.
pub(crate) const UNTOLD: &str = "not told";

/// The campaigns that a key may query.
pub(crate) fn campaigns(list: &v1::ListCampaignsResponse) -> String {
    let mut table = Table::new(&["campaign", "publishers", "measures"]);
    for campaign in &list.campaigns {
        let measures: Vec<&str> = campaign.measures.iter().map(|measure| measure.name.as_str()).collect();
        table.row([campaign.name.clone(), campaign.publishers.join(", "), measures.join(", ")]);
    }
    table.render()
}

/// The funnel by a dimension, or in total where that is empty, and its generations.
pub(crate) fn funnel(funnel: &v1::GetFunnelResponse, by: &str) -> String {
    let heads = [
        by,
        "shares",
        "return visits",
        "conversions",
        "visits per share",
        "conversions per visit",
        "conversions per share",
    ];
    let mut table = Table::new(&heads);
    for group in &funnel.groups {
        let of = |one: &Option<v1::Estimate>| one.as_ref().map_or_else(|| UNTOLD.to_owned(), plus_minus);
        let per = |one: &Option<v1::RatioEstimate>| one.as_ref().map_or_else(|| UNTOLD.to_owned(), with_interval);
        table.row([
            group_name(group),
            of(&group.shares),
            of(&group.arrivals),
            of(&group.conversions),
            per(&group.arrivals_per_share),
            per(&group.conversions_per_arrival),
            per(&group.conversions_per_share),
        ]);
    }
    let mut out = format!("\n{}", table.render());
    for (measure, untold) in untold(funnel) {
        out.push_str(&format!("\nnote: the measure {measure} does not tell the {by} {}\n", untold.join(", ")));
    }
    if !funnel.generations.is_empty() {
        out.push_str(&format!("\n{}", generations(&funnel.generations)));
    }
    out.push_str(&notes(&funnel.notices));
    out
}

/// A group's name.
pub(crate) fn group_name(group: &v1::FunnelGroup) -> String {
    if group.label.is_empty() { "all".to_owned() } else { group.label.clone() }
}

/// Which groups a measure of the funnel does not tell, since its labels are fewer.
fn untold(funnel: &v1::GetFunnelResponse) -> Vec<(&str, Vec<&str>)> {
    type Step = fn(&v1::FunnelGroup) -> &Option<v1::Estimate>;
    let steps: [(&str, Step); 3] = [
        (&funnel.share_measure, |group| &group.shares),
        (&funnel.arrival_measure, |group| &group.arrivals),
        (&funnel.conversion_measure, |group| &group.conversions),
    ];
    let groups = |step: Step| funnel.groups.iter().filter(move |&group| step(group).is_none());
    let told = steps.map(|(measure, step)| (measure, groups(step).map(|group| group.label.as_str()).collect()));
    // A step that is missing has no measure, and a notice of its own.
    told.into_iter().filter(|(measure, untold): &(&str, Vec<_>)| !measure.is_empty() && !untold.is_empty()).collect()
}

fn generations(generations: &[v1::Generation]) -> String {
    let heads = ["generation", "shares", "arrivals", "arrivals per share", "re-shares per arrival", "growth"];
    let mut table = Table::new(&heads);
    for one in generations {
        table.row([
            one.generation.to_string(),
            one.shares.as_ref().map_or_else(String::new, plus_minus),
            one.arrivals.as_ref().map_or_else(String::new, plus_minus),
            one.arrivals_per_share.as_ref().map_or_else(String::new, with_interval),
            one.reshares_per_arrival.as_ref().map_or_else(String::new, with_interval),
            one.growth.as_ref().map_or_else(String::new, with_interval),
        ]);
    }
    table.render()
}

fn plus_minus(one: &v1::Estimate) -> String {
    format!("{} ± {}", count(one.value), count((one.high - one.low) / 2.0))
}

/// A ratio in a line.
pub(crate) fn with_interval(ratio: &v1::RatioEstimate) -> String {
    let (value, interval) = figures(ratio);
    if interval.is_empty() { "not estimable".to_owned() } else { format!("{value} ({interval})") }
}

/// What Google Analytics 4 would have said, next to what was.
pub(crate) fn reconciliation(view: &v1::GetReconciliationResponse) -> String {
    let mut table = Table::new(&["Google Analytics 4", "arrivals", "95 % interval", "of these"]);
    for group in &view.groups {
        let estimate = group.arrivals.unwrap_or_default();
        let told = |part: &&v1::AnalyticsPart| part.arrivals.as_ref().is_some_and(|one| one.above_zero);
        let parts = group.parts.iter().filter(told).map(|part| {
            let arrivals = part.arrivals.map_or(0.0, |one| one.value);
            format!("{} {} {}", part.channel, part.grade, count(arrivals))
        });
        table.row([
            group.name.clone(),
            count(estimate.value),
            format!("{} … {}", count(estimate.low), count(estimate.high)),
            parts.collect::<Vec<_>>().join(", "),
        ]);
    }
    let mut out = format!("\n{} · {} reports\n{}", view.measure, count(view.reports as f64), table.render());
    let direct = [
        ("shared in private by evidence", &view.direct_confirmed),
        ("without evidence on a deep page (an upper bound)", &view.direct_inferred),
    ];
    for (what, ratio) in direct {
        let Some(ratio) = ratio else { continue };
        out.push_str(&format!("of what it calls Direct, {what}: {}\n", with_interval(ratio)));
    }
    out.push_str(&notes(&view.notices));
    out
}

fn notes(notices: &[v1::Notice]) -> String {
    notices.iter().map(|notice| format!("\nnote: {}\n", notice.message)).collect()
}

/// Surges, a line for each.
pub(crate) fn alerts(found: &v1::ListAlertsResponse) -> String {
    match found.alerts.as_slice() {
        [] => "nothing surged\n".to_owned(),
        alerts => alerts.iter().map(|one| format!("{}\n", alert(one))).collect(),
    }
}

/// A surge in a line.
pub(crate) fn alert(alert: &v1::Alert) -> String {
    let observed = alert.observed.unwrap_or_default();
    format!(
        "{} {} {} {} {}: {} reports where {} were expected, {} σ (alert from {})",
        utc(alert.period.unwrap_or_default().from),
        alert.campaign,
        alert.measure,
        alert.dimension,
        alert.label,
        count(observed.value),
        count(alert.expected),
        decimal(alert.score, 1),
        decimal(alert.threshold, 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_a_measure_does_not_tell_says_so() {
        let group = |label: &str, conversions| v1::FunnelGroup {
            label: label.into(),
            shares: Some(v1::Estimate::default()),
            arrivals: Some(v1::Estimate::default()),
            conversions,
            ..Default::default()
        };
        let told = v1::GetFunnelResponse {
            groups: vec![group("sms", Some(v1::Estimate::default())), group("signal", None), group("viber", None)],
            conversion_measure: "orders".into(),
            ..Default::default()
        };
        let text = funnel(&told, "channel");
        assert!(text.contains("note: the measure orders does not tell the channel signal, viber\n"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("signal") && line.contains(UNTOLD)), "{text}");
        assert_eq!(text.matches("note:").count(), 1, "{text}");
    }
}
