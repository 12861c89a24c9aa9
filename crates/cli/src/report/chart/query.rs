//! The panels of a query: one for each measure or ratio. What differs by time is drawn as lines, anything else as bars.

use std::collections::BTreeMap;

use tacita_proto::v1;

use super::{
    Drawing, Panel,
    bars::{Bar, Bars, Interval},
    series::{Line, Point, Series},
    tone::Tone,
};
use crate::{
    report::{
        ask::{axes_of_ratio, name_of, rows_of},
        text,
    },
    table::count,
};

/// The most rows of a panel: the picture of more is no picture.
const MOST_BARS: usize = 40;
/// More lines than this cannot be told apart; the dashboard has as many.
const MOST_LINES: usize = 6;
/// How many of the groups that are left out are named.
const NAMED: usize = 12;
/// Of lines whose groups have no tone of their own.
const COLOURS: [&str; MOST_LINES] = ["#6a4cc4", "#0f7f86", "#b4540a", "#2f6bb8", "#a83b6f", "#55771a"];

/// A row of counts or of ratios.
struct Item<'a> {
    labels: &'a [String],
    period: v1::TimeRange,
    at: Option<Interval>,
    before: Option<f64>,
    settled: bool,
    figures: String,
    /// The larger, the more there is to see.
    weight: f64,
}

/// The panels.
pub(crate) fn query(answer: &v1::QueryResponse) -> Vec<Panel> {
    counts(answer).into_iter().chain(ratios(answer)).collect()
}

fn counts(answer: &v1::QueryResponse) -> Vec<Panel> {
    let panel = |about: &v1::MeasureAnswer| {
        let rows = rows_of(answer, about);
        let items = rows.iter().map(|row| {
            let estimate = row.estimate.unwrap_or_default();
            let compared = row.compared.as_ref().filter(|compared| compared.reports > 0);
            // Nothing is known of what is hidden: its zeroes are no estimate.
            let is_hidden = row.hidden.is_some() && row.reports == 0;
            Item {
                labels: &row.labels,
                period: row.period.unwrap_or_default(),
                at: (!is_hidden).then_some((estimate.low, estimate.value, estimate.high)),
                before: compared.and_then(|compared| Some(compared.estimate.as_ref()?.value)),
                settled: row.settled,
                figures: if is_hidden { "hidden".to_owned() } else { with_interval(&estimate) },
                weight: estimate.value,
            }
        });
        let epsilon = about.privacy.as_ref().map_or(0.0, |privacy| privacy.epsilon);
        let about_it =
            format!("{} reports; 95 % intervals; ε = {epsilon:.2} for one report", count(about.reports as f64));
        panel(name_of(about), about_it, &about.group_by, items.collect())
    };
    answer.measures.iter().map(panel).collect()
}

fn ratios(answer: &v1::QueryResponse) -> Vec<Panel> {
    let mut names: Vec<&str> = answer.ratios.iter().map(|row| row.ratio.as_str()).collect();
    names.dedup();
    let query = answer.query.clone().unwrap_or_default();
    let panel = |name: &str| {
        let rows: Vec<_> = answer.ratios.iter().filter(|row| row.ratio == name).collect();
        let axes = rows.first().map(|row| axes_of_ratio(row, &query)).unwrap_or_default();
        let items = rows.iter().map(|row| {
            let ratio = row.estimate.unwrap_or_default();
            Item {
                labels: &row.labels,
                period: row.period.unwrap_or_default(),
                at: interval_of(&ratio),
                before: row.compared.as_ref().and_then(|compared| compared.estimate.as_ref()?.value),
                settled: row.settled,
                figures: text::with_interval(&ratio),
                weight: row.denominator.map_or(0.0, |denominator| denominator.value),
            }
        });
        panel(&text::title(name, &query), "95 % intervals".to_owned(), &axes, items.collect())
    };
    names.into_iter().map(panel).collect()
}

fn panel(title: &str, mut about: String, axes: &[String], items: Vec<Item<'_>>) -> Panel {
    let by_time = items.iter().any(|item| item.period != items[0].period);
    if by_time && items.iter().any(|item| !item.settled) {
        about.push_str("; dashed: still takes reports");
    }
    if by_time && items.iter().any(|item| item.at.is_none()) {
        about.push_str("; gaps: nothing can be told");
    }
    if items.iter().any(|item| item.before.is_some()) {
        about.push_str("; dotted: the period compared with");
    }
    let (drawing, note) = if by_time { over_time(axes, &items) } else { side_by_side(axes, items) };
    Panel { title: title.to_owned(), about, drawing, note }
}

fn side_by_side(axes: &[String], mut items: Vec<Item<'_>>) -> (Drawing, String) {
    let left_out = items.len().saturating_sub(MOST_BARS);
    if left_out > 0 {
        // Of equal ones the first: what has no reports is many times 0.
        let mut largest: Vec<usize> = (0..items.len()).collect();
        largest.sort_by(|&one, &other| items[other].weight.total_cmp(&items[one].weight));
        largest.truncate(MOST_BARS);
        largest.sort_unstable();
        let mut places = 0..;
        items.retain(|_| places.next().is_some_and(|place| largest.binary_search(&place).is_ok()));
    }
    let bar = |item: Item<'_>| Bar {
        label: text::label(item.labels, axes),
        at: item.at,
        before: item.before,
        figures: item.figures,
        tone: tone_of(axes, item.labels),
        is_whole: false,
    };
    let note = if left_out > 0 { format!("The {MOST_BARS} largest; {left_out} are not drawn.") } else { String::new() };
    (Drawing::Bars(Bars(items.into_iter().map(bar).collect())), note)
}

fn over_time(axes: &[String], items: &[Item<'_>]) -> (Drawing, String) {
    let mut groups: BTreeMap<&[String], Vec<&Item<'_>>> = BTreeMap::new();
    for item in items {
        groups.entry(item.labels).or_default().push(item);
    }
    let mut groups: Vec<(&[String], Vec<&Item<'_>>)> = groups.into_iter().collect();
    let weight = |group: &[&Item<'_>]| group.iter().map(|item| item.weight).sum::<f64>();
    groups.sort_by(|(_, one), (_, other)| weight(other).total_cmp(&weight(one)));
    let left_out = groups.split_off(groups.len().min(MOST_LINES));
    let line = |(place, (labels, group)): (usize, (&[String], Vec<&Item<'_>>))| {
        let points = group.iter().map(|item| Point {
            at: item.period.from,
            of: item.at,
            before: item.before,
            settled: item.settled,
        });
        let tone = tone_of(axes, labels);
        let has_tone = axes == ["kind"] || tone == Tone::Inferred;
        Line {
            label: text::label(labels, axes),
            colour: if has_tone { tone.colour() } else { COLOURS[place % MOST_LINES] },
            points: points.collect(),
        }
    };
    let lines = groups.into_iter().enumerate().map(line).collect();
    (Drawing::Series(Series(lines)), named(axes, &left_out))
}

/// Which groups are not drawn.
fn named(axes: &[String], left_out: &[(&[String], Vec<&Item<'_>>)]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let names: Vec<String> = left_out.iter().take(NAMED).map(|(labels, _)| text::label(labels, axes)).collect();
    let more = match left_out.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("The {MOST_LINES} largest; smaller and not drawn: {}{more}.", names.join(", "))
}

fn tone_of(axes: &[String], labels: &[String]) -> Tone {
    Tone::of(axes.iter().map(String::as_str).zip(labels.iter().map(String::as_str)))
}

/// A count in figures.
pub(super) fn with_interval(estimate: &v1::Estimate) -> String {
    format!("{} ({} … {})", count(estimate.value), count(estimate.low), count(estimate.high))
}

/// Where a ratio lies, if it is estimable.
pub(super) fn interval_of(ratio: &v1::RatioEstimate) -> Option<Interval> {
    Some((ratio.low?, ratio.value?, ratio.high?))
}
