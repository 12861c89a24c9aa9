//! Funnel, reconciliation, surges and the list of campaigns as tables.

use tacita_proto::v1;

use super::sheet::{ESTIMATE, Sheet, ends, estimate, ratio, text};
use crate::table::iso;

/// The campaigns that a key may query; several names in a cell have a space between them.
pub(crate) fn campaigns(list: &v1::ListCampaignsResponse) -> Sheet {
    let mut sheet = Sheet::new(&["name", "publishers", "measures"], &[], &[]);
    for campaign in &list.campaigns {
        let measures: Vec<&str> = campaign.measures.iter().map(|measure| measure.name.as_str()).collect();
        sheet.row(&[&[&campaign.name, &campaign.publishers.join(" "), &measures.join(" ")].map(|cell| text(cell))]);
    }
    sheet
}

/// Steps of the funnel, each a row: counts and ratios by the names of their fields, of a group or of a generation.
pub(crate) fn funnel(funnel: &v1::GetFunnelResponse, by: &str) -> Sheet {
    let by: Vec<String> = Some(by.to_owned()).into_iter().filter(|by| !by.is_empty()).collect();
    let mut sheet = Sheet::new(&[], &by, &[&["generation", "step"], &ESTIMATE[..]].concat());
    for group in &funnel.groups {
        let label = vec![text(&group.label); by.len()];
        let mut step = |name: &str, cells: [String; 6]| sheet.row(&[&label, &[String::new(), name.to_owned()], &cells]);
        step("shares", estimate(group.shares.as_ref()));
        step("arrivals", estimate(group.arrivals.as_ref()));
        step("conversions", estimate(group.conversions.as_ref()));
        step("arrivals_per_share", ratio(group.arrivals_per_share.as_ref()));
        step("conversions_per_arrival", ratio(group.conversions_per_arrival.as_ref()));
        step("conversions_per_share", ratio(group.conversions_per_share.as_ref()));
    }
    for one in &funnel.generations {
        let label = vec![String::new(); by.len()];
        let number = one.generation.to_string();
        let mut step =
            |name: &str, cells: [String; 6]| sheet.row(&[&label, &[number.clone(), name.to_owned()], &cells]);
        step("shares", estimate(one.shares.as_ref()));
        step("arrivals", estimate(one.arrivals.as_ref()));
        step("arrivals_per_share", ratio(one.arrivals_per_share.as_ref()));
        step("reshares_per_arrival", ratio(one.reshares_per_arrival.as_ref()));
        step("growth", ratio(one.growth.as_ref()));
    }
    sheet
}

/// GA4's groups, and under each what it was: `channel`, `grade` and `kind` are empty in the row of a whole group.
pub(crate) fn reconciliation(view: &v1::GetReconciliationResponse) -> Sheet {
    let mut sheet = Sheet::new(&["ga4_group", "channel", "grade", "kind"], &[], &ESTIMATE);
    for group in &view.groups {
        let mut row = |labels: [&str; 3], arrivals: &Option<v1::Estimate>| {
            sheet.row(&[&[text(&group.name)], &labels.map(text), &estimate(arrivals.as_ref())]);
        };
        row(["", "", ""], &group.arrivals);
        for part in &group.parts {
            row([&part.channel, &part.grade, &part.kind], &part.arrivals);
        }
    }
    sheet
}

/// Surges.
pub(crate) fn alerts(found: &v1::ListAlertsResponse) -> Sheet {
    let before = ["id", "found_at", "campaign", "measure", "dimension", "label", "from", "to"];
    let after = [&ESTIMATE[..], &["expected", "sigma", "score", "threshold"]].concat();
    let mut sheet = Sheet::new(&before, &[], &after);
    for alert in &found.alerts {
        sheet.row(&[
            &[alert.id.to_string(), iso(alert.found_at)],
            &[&alert.campaign, &alert.measure, &alert.dimension, &alert.label].map(|cell| text(cell)),
            &ends(alert.period),
            &estimate(alert.observed.as_ref()),
            &[alert.expected, alert.sigma, alert.score, alert.threshold].map(|number| number.to_string()),
        ]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(value: f64) -> Option<v1::Estimate> {
        Some(v1::Estimate { value, low: value - 1.0, high: value + 1.0, ..Default::default() })
    }

    #[test]
    fn a_funnel_is_a_row_for_each_number_and_blank_where_a_measure_tells_none() {
        let told = v1::GetFunnelResponse {
            groups: vec![v1::FunnelGroup { label: "sms".into(), shares: count(3.0), ..Default::default() }],
            generations: vec![v1::Generation { generation: 2, arrivals: count(5.0), ..Default::default() }],
            ..Default::default()
        };
        let csv = funnel(&told, "channel").csv().unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], "channel,generation,step,estimate,low,high,variance,above_zero,reports_needed");
        assert_eq!(lines[1], "sms,,shares,3,2,4,0,false,");
        assert_eq!(lines[3], "sms,,conversions,,,,,,");
        assert!(lines.contains(&",2,arrivals,5,4,6,0,false,"), "{csv}");
        assert!(funnel(&told, "").csv().unwrap().starts_with("generation,step,"));
    }

    #[test]
    fn a_reconciliation_has_its_groups_and_what_they_were() {
        let part = v1::AnalyticsPart {
            channel: "sms".into(),
            grade: "confirmed".into(),
            kind: "private".into(),
            arrivals: count(2.0),
        };
        let group = v1::AnalyticsGroup { name: "Direct".into(), arrivals: count(9.0), parts: vec![part] };
        let csv =
            reconciliation(&v1::GetReconciliationResponse { groups: vec![group], ..Default::default() }).csv().unwrap();
        assert!(csv.contains("\nDirect,,,,9,8,10,") && csv.contains("\nDirect,sms,confirmed,private,2,1,3,"), "{csv}");
    }

    #[test]
    fn a_surge_has_its_times_and_a_label_that_no_spreadsheet_runs() {
        let alert = v1::Alert {
            id: 4,
            label: "=HYPERLINK()".into(),
            found_at: 1_795_305_660,
            observed: count(80.0),
            expected: 12.5,
            ..Default::default()
        };
        let csv = alerts(&v1::ListAlertsResponse { alerts: vec![alert] }).csv().unwrap();
        assert!(csv.contains("\n4,2026-11-22T00:01:00Z,,,,'=HYPERLINK(),,,80,79,81,0,false,,12.5,"), "{csv}");
    }
}
