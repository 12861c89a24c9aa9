//! Counts and ratios of a query as tables.

use std::array;

use tacita_proto::v1;

use super::sheet::{ESTIMATE, Sheet, ends, estimate, interval, ratio, some, text};
use crate::report::ask::{axes_of_ratio, name_of};

/// Counts, a row each; a column for each dimension that any of their measures has.
pub(crate) fn counts(answer: &v1::QueryResponse) -> Sheet {
    let dimensions = once_each(answer.measures.iter().flat_map(|about| &about.group_by));
    let about = [&ESTIMATE[..], &["reports", "share", "epsilon", "amplified_epsilon", "settled", "hidden_reports"]];
    let compared = [&COMPARED[..], &["compared_reports"], &CHANGE].concat();
    let mut sheet = Sheet::new(&["measure", "from", "to"], &dimensions, &[about.concat(), compared].concat());
    for row in &answer.rows {
        let about = answer.measures.iter().find(|about| name_of(about) == row.measure);
        let own = about.map_or(&[][..], |about| &about.group_by);
        let privacy = about.and_then(|about| about.privacy.as_ref());
        let compared = row.compared.as_ref();
        sheet.row(&[
            &[text(&row.measure)],
            &ends(row.period),
            &labels(&dimensions, own, &row.labels),
            &estimate(row.estimate.as_ref()),
            &[
                row.reports.to_string(),
                row.share.to_string(),
                some(privacy.map(|privacy| privacy.epsilon)),
                row.amplified_epsilon.to_string(),
                row.settled.to_string(),
                some(row.hidden.as_ref().map(|hidden| hidden.reports)),
            ],
            &ends(compared.and_then(|compared| compared.period)),
            &interval(compared.and_then(|compared| compared.estimate.as_ref())),
            &[some(compared.map(|compared| compared.reports))],
            &change(compared.and_then(|compared| compared.difference.as_ref())),
        ]);
    }
    sheet
}

/// Ratios, a row each, with what they are of.
pub(crate) fn ratios(answer: &v1::QueryResponse) -> Sheet {
    let query = answer.query.clone().unwrap_or_default();
    let axes: Vec<Vec<String>> = answer.ratios.iter().map(|row| axes_of_ratio(row, &query)).collect();
    let dimensions = once_each(axes.iter().flatten());
    let after = [&ESTIMATE[..], &["settled"], &SIDES, &COMPARED, &CHANGE].concat();
    let mut sheet = Sheet::new(&["ratio", "from", "to"], &dimensions, &after);
    for (row, own) in answer.ratios.iter().zip(&axes) {
        let compared = row.compared.as_ref();
        let before = compared.and_then(|compared| compared.estimate.as_ref());
        let [value, low, high, ..] = ratio(before);
        sheet.row(&[
            &[text(&row.ratio)],
            &ends(row.period),
            &labels(&dimensions, own, &row.labels),
            &ratio(row.estimate.as_ref()),
            &[row.settled.to_string()],
            &[text(&row.numerator_measure)],
            &interval(row.numerator.as_ref()),
            &[text(&row.denominator_measure)],
            &interval(row.denominator.as_ref()),
            &ends(compared.and_then(|compared| compared.period)),
            &[value, low, high],
            &change(compared.and_then(|compared| compared.difference.as_ref())),
        ]);
    }
    sheet
}

const COMPARED: [&str; 5] = ["compared_from", "compared_to", "compared_estimate", "compared_low", "compared_high"];
const CHANGE: [&str; 4] = ["change", "change_low", "change_high", "p_value"];
const SIDES: [&str; 8] = [
    "numerator_measure",
    "numerator",
    "numerator_low",
    "numerator_high",
    "denominator_measure",
    "denominator",
    "denominator_low",
    "denominator_high",
];

fn change(one: Option<&v1::Change>) -> [String; 4] {
    one.map_or_else(
        || array::from_fn(|_| String::new()),
        |one| [one.value, one.low, one.high, one.p_value].map(|number| number.to_string()),
    )
}

/// A row's labels in the columns of all dimensions.
fn labels(dimensions: &[String], own: &[String], labels: &[String]) -> Vec<String> {
    let label = |name: &String| {
        let place = own.iter().position(|known| known == name);
        place.and_then(|place| labels.get(place)).map_or_else(String::new, |label| text(label))
    };
    dimensions.iter().map(label).collect()
}

fn once_each<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Option<v1::TimeRange> = Some(v1::TimeRange { from: 1_795_305_600, to: 1_795_392_000 });

    /// The cells of a table's only row, by column; every column has a name of its own.
    fn cells(csv: &str) -> std::collections::BTreeMap<&str, &str> {
        let [heads, row] = csv.lines().collect::<Vec<_>>().try_into().unwrap();
        let heads: Vec<&str> = heads.split(',').collect();
        let cells: std::collections::BTreeMap<_, _> = heads.iter().copied().zip(row.split(',')).collect();
        assert_eq!(cells.len(), heads.len(), "two columns have one name: {heads:?}");
        assert_eq!(row.split(',').count(), heads.len(), "{row}");
        cells
    }

    fn estimate(value: f64) -> Option<v1::Estimate> {
        Some(v1::Estimate { value, low: value - 1.0, high: value + 1.0, ..Default::default() })
    }

    #[test]
    fn a_count_by_the_dimension_value_has_its_estimate_beside_it() {
        let answer = v1::QueryResponse {
            measures: vec![v1::MeasureAnswer {
                measure: Some(v1::Measure { name: "orders".into(), ..Default::default() }),
                group_by: vec!["value".into()],
                ..Default::default()
            }],
            rows: vec![v1::Row {
                measure: "orders".into(),
                period: RANGE,
                labels: vec!["0..50".into()],
                estimate: estimate(-7.0),
                compared: Some(v1::ComparedRow {
                    period: RANGE,
                    estimate: estimate(5.0),
                    reports: 9,
                    ..Default::default()
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        let csv = counts(&answer).csv().unwrap();
        let cells = cells(&csv);
        assert_eq!((cells["value"], cells["estimate"], cells["low"]), ("0..50", "-7", "-8"));
        assert_eq!((cells["from"], cells["to"]), ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"));
        assert_eq!(["compared_low", "compared_high", "compared_reports"].map(|name| cells[name]), ["4", "6", "9"]);
    }

    #[test]
    fn a_ratio_has_what_it_is_of_and_its_generation() {
        let answer = v1::QueryResponse {
            query: Some(v1::Query { group_by: vec!["channel".into()], ..Default::default() }),
            ratios: vec![v1::RatioRow {
                ratio: "generation_growth".into(),
                period: RANGE,
                labels: vec!["1".into(), "sms".into()],
                estimate: Some(v1::RatioEstimate {
                    value: Some(0.5),
                    low: Some(0.4),
                    high: Some(0.6),
                    ..Default::default()
                }),
                numerator: estimate(10.0),
                denominator: estimate(20.0),
                numerator_measure: "arrivals".into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let csv = ratios(&answer).csv().unwrap();
        let cells = cells(&csv);
        assert_eq!(
            ["ratio", "generation", "channel", "estimate"].map(|name| cells[name]),
            ["generation_growth", "1", "sms", "0.5"]
        );
        assert_eq!(["numerator", "numerator_low", "denominator"].map(|name| cells[name]), ["10", "9", "20"]);
        assert_eq!((cells["numerator_measure"], cells["compared_estimate"]), ("arrivals", ""));
    }
}
