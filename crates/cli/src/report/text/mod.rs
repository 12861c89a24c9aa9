//! An answer as tables: estimates with their intervals, in figures and as error bars.

mod error_bar;
mod views;

use tacita_proto::v1;

use self::error_bar::Scale;
pub(crate) use self::views::{UNTOLD, alert, alerts, campaigns, funnel, group_name, reconciliation, with_interval};
use super::ask::{axes_of_ratio, rows_of};
use crate::table::{Table, count, days_or_minutes, decimal};

/// A measure with more rows leaves out those that cannot be told from zero.
const SHORT: usize = 12;

/// What was true before noise, where a simulation knows it: by measure's number and cell.
pub(crate) type Truth<'a> = &'a dyn Fn(u32, usize) -> Option<u64>;

/// Prints counts, then ratios, then what is to know.
pub(crate) fn print(answer: &v1::QueryResponse, truth: Truth<'_>) {
    print!("{}", render(answer, truth));
}

/// The same as text.
pub(crate) fn render(answer: &v1::QueryResponse, truth: Truth<'_>) -> String {
    let mut out = String::new();
    for about in &answer.measures {
        out.push_str(&measure(answer, about, truth));
    }
    if !answer.ratios.is_empty() {
        out.push_str(&ratios(&answer.ratios, &answer.query.clone().unwrap_or_default()));
    }
    for notice in &answer.notices {
        out.push_str(&format!("\nnote: {}\n", notice.message));
    }
    out
}

fn measure(answer: &v1::QueryResponse, about: &v1::MeasureAnswer, truth: Truth<'_>) -> String {
    let measure = about.measure.clone().unwrap_or_default();
    let event = measure.event().as_str_name().trim_start_matches("EVENT_").to_lowercase();
    let mut out = format!("\n{} · {event} · {} reports\n", measure.name, count(about.reports as f64));
    if let Some(privacy) = &about.privacy {
        out.push_str(&format!("{}\n", privacy_line(privacy)));
    }
    let rows = rows_of(answer, about);
    let true_count = |row: &v1::Row| truth(measure.id, row.cell? as usize);
    let known = rows.iter().any(|row| true_count(row).is_some());
    let by_time = rows.iter().any(|row| row.period != rows[0].period);
    let when = days_or_minutes(rows.iter().map(|row| row.period.unwrap_or_default().from));
    let compared = rows.iter().any(|row| row.compared.is_some());
    let scale = Scale::of(rows.iter().filter_map(|row| row.estimate.as_ref()).map(|one| (one.low, one.high)));

    let mut heads = Vec::new();
    heads.extend(by_time.then(|| "from".to_owned()));
    heads.push(if about.group_by.is_empty() { "total".to_owned() } else { about.group_by.join(" × ") });
    heads.push("estimate".to_owned());
    heads.extend(known.then(|| "truth".to_owned()));
    heads.extend(["95 % interval".to_owned(), String::new()]);
    heads.extend(compared.then(|| "change".to_owned()));
    heads.push(String::new());
    let mut table = Table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    let mut left_out = 0;
    for row in &rows {
        let Some(estimate) = &row.estimate else { continue };
        let truth = true_count(row);
        if truth.unwrap_or(0) == 0 && !estimate.above_zero && rows.len() > SHORT && !by_time {
            left_out += 1;
            continue;
        }
        let mut cells = Vec::new();
        cells.extend(by_time.then(|| when(row.period.unwrap_or_default().from)));
        cells.push(label(&row.labels, &about.group_by));
        cells.push(count(estimate.value));
        cells.extend(known.then(|| truth.map_or_else(String::new, |truth| count(truth as f64))));
        cells.push(format!("{} … {}", count(estimate.low), count(estimate.high)));
        cells.push(scale.bar(estimate.low, estimate.value, estimate.high));
        cells.extend(compared.then(|| row.compared.as_ref().map_or_else(String::new, change)));
        cells.push(match &row.hidden {
            Some(hidden) if row.reports == 0 => {
                format!("hidden; {} more reports show it", count(hidden.more_reports as f64))
            }
            _ => note(estimate, truth),
        });
        table.row(cells);
    }
    out.push_str(&table.render());
    if left_out > 0 {
        out.push_str(&format!("and {left_out} rows that cannot be told from zero\n"));
    }
    out.push_str(&below(&rows, about));
    out
}

/// What is to know of all rows of a measure: lies, and what is in no row.
fn below(rows: &[&v1::Row], about: &v1::MeasureAnswer) -> String {
    let mut out = String::new();
    if let Some(lies) = rows.iter().filter_map(|row| row.estimate?.lies).max_by(|a, b| a.up.total_cmp(&b.up)) {
        out.push_str(&format!(
            "if 1 report in 100 were a lie ({} of them), no estimate above would be too high by more than {}\n",
            count(lies.reports as f64),
            count(lies.up)
        ));
    }
    for fit in about.fits.iter().filter(|fit| fit.suspicious) {
        out.push_str(&format!("SUSPICIOUS: {}: {}\n", fit.publisher, fit.finding));
    }
    if let Some(none) = about.none.as_ref().filter(|none| none.above_zero) {
        let interval = format!("{} … {}", count(none.low), count(none.high));
        out.push_str(&format!(
            "nothing to report, or the device's budget was spent: {} ({interval})\n",
            count(none.value)
        ));
    }
    out
}

/// The labels of a row as one.
pub(crate) fn label(labels: &[String], group_by: &[String]) -> String {
    if group_by.is_empty() && labels.is_empty() { "all".to_owned() } else { labels.join(" × ") }
}

fn note(estimate: &v1::Estimate, truth: Option<u64>) -> String {
    let missed = truth.is_some_and(|truth| !(estimate.low..=estimate.high).contains(&(truth as f64)));
    match (missed, estimate.above_zero, estimate.reports_needed) {
        (true, ..) => "interval misses the truth".to_owned(),
        (false, true, _) => String::new(),
        (false, false, Some(needed)) => {
            format!("not told from zero; about {} more reports would", count(needed as f64))
        }
        (false, false, None) => "not told from zero".to_owned(),
    }
}

/// A change against the period compared with: in per cent where that can be said.
fn change(compared: &v1::ComparedRow) -> String {
    let difference = compared.difference.unwrap_or_default();
    let sign = if difference.value >= 0.0 { "+" } else { "" };
    let relative = compared.ratio.as_ref().and_then(|ratio| ratio.value);
    let signed = |percent: f64| format!(" ({}{} %)", if percent >= 0.0 { "+" } else { "" }, decimal(percent, 0));
    let relative = relative.map_or_else(String::new, |ratio| signed(100.0 * (ratio - 1.0)));
    let sure = if difference.significant { "" } else { ", may be noise" };
    format!("{sign}{}{relative}{sure}", count(difference.value))
}

/// Whether a ratio of two things of one kind is another than 1.
fn verdict(ratio: &v1::RatioEstimate) -> &'static str {
    let differs = ratio.low.is_some_and(|low| low > 1.0) || ratio.high.is_some_and(|high| high < 1.0);
    if differs { "the difference is more than noise" } else { "may be noise: 1 lies within" }
}

fn ratios(rows: &[v1::RatioRow], query: &v1::Query) -> String {
    let mut names: Vec<&str> = rows.iter().map(|row| row.ratio.as_str()).collect();
    names.dedup();
    let of_name = |name: &str| {
        let rows: Vec<_> = rows.iter().filter(|row| row.ratio == name).collect();
        let of = format!("{} ÷ {}", side(&rows[0].numerator_measure), side(&rows[0].denominator_measure));
        format!("\n{} · {of}\n{}", title(name, query), ratio(&rows, query).render())
    };
    names.into_iter().map(of_name).collect()
}

/// The table of one ratio, which has rows.
fn ratio(rows: &[&v1::RatioRow], query: &v1::Query) -> Table {
    let ends = |row: &&v1::RatioRow| {
        let ratio = row.estimate.as_ref()?;
        Some((ratio.low?, ratio.high?))
    };
    let scale = Scale::of(rows.iter().filter_map(ends));
    let by_time = rows.iter().any(|row| row.period != rows[0].period);
    let when = days_or_minutes(rows.iter().map(|row| row.period.unwrap_or_default().from));
    let compared = rows.iter().any(|row| row.compared.is_some());
    let axes = axes_of_ratio(rows[0], query);
    let is_custom = is_custom(&rows[0].ratio, query);
    let by = if axes.is_empty() { "total".to_owned() } else { axes.join(" × ") };
    let mut heads = Vec::new();
    heads.extend(by_time.then_some("from"));
    heads.extend([by.as_str(), "ratio", "95 % interval", ""]);
    heads.extend(compared.then_some("before"));
    heads.push("");
    let mut table = Table::new(&heads);
    for row in rows {
        let ratio = row.estimate.unwrap_or_default();
        let mut cells = Vec::new();
        cells.extend(by_time.then(|| when(row.period.unwrap_or_default().from)));
        cells.push(label(&row.labels, &axes));
        let (value, interval) = figures(&ratio);
        cells.extend([value, interval]);
        cells.push(match (ratio.low, ratio.value, ratio.high) {
            (Some(low), Some(value), Some(high)) => scale.bar(low, value, high),
            _ => String::new(),
        });
        cells.extend(compared.then(|| row.compared.as_ref().map_or_else(String::new, before)));
        cells.push(note_of_ratio(row, is_custom));
        table.row(cells);
    }
    table
}

/// A ratio in the period compared with.
fn before(compared: &v1::ComparedRatio) -> String {
    let sure = compared.difference.as_ref().is_none_or(|one| one.significant);
    let value = compared.estimate.as_ref().map(|ratio| figures(ratio).0);
    value.map_or_else(String::new, |value| format!("{value}{}", if sure { "" } else { ", may be noise" }))
}

/// What is to know of a ratio: of two things of one kind whether they differ, of one without a number why.
fn note_of_ratio(row: &v1::RatioRow, is_custom: bool) -> String {
    let ratio = row.estimate.unwrap_or_default();
    match (ratio.value, ratio.reports_needed) {
        (Some(_), _) if !is_custom => String::new(),
        (Some(_), _) => verdict(&ratio).to_owned(),
        (None, Some(needed)) => format!("not estimable; about {} more reports would", count(needed as f64)),
        (None, None) if row.numerator.is_none() || row.denominator.is_none() => "no cost is declared".to_owned(),
        (None, None) => "not estimable".to_owned(),
    }
}

/// A ratio's name for people.
pub(crate) fn title(ratio: &str, query: &v1::Query) -> String {
    if is_custom(ratio, query) { ratio.to_owned() } else { ratio.replace('_', " ") }
}

fn is_custom(ratio: &str, query: &v1::Query) -> bool {
    query.ratios.iter().any(|asked| asked.custom.as_ref().is_some_and(|one| one.name == ratio))
}

fn side(measure: &str) -> &str {
    if measure.is_empty() { "declared cost" } else { measure }
}

/// A ratio and its interval in figures.
pub(crate) fn figures(ratio: &v1::RatioEstimate) -> (String, String) {
    match (ratio.value, ratio.low, ratio.high) {
        (Some(value), Some(low), Some(high)) => {
            // As many digits as the interval lets mean something; two where it is a point.
            let width = (high - low).abs();
            let digits = if width > 0.0 { (1.0 - width.log10()).ceil().clamp(0.0, 6.0) as usize } else { 2 };
            let [value, low, high] = [value, low, high].map(|number| decimal(number, digits));
            (value, format!("{low} … {high}"))
        }
        _ => ("?".to_owned(), String::new()),
    }
}

/// What one report reveals, and to whom.
pub(crate) fn privacy_line(privacy: &v1::Privacy) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_the_digits_that_its_interval_lets_mean_something() {
        let of = |value, low, high| {
            figures(&v1::RatioEstimate { value: Some(value), low: Some(low), high: Some(high), ..Default::default() })
        };
        assert_eq!(of(0.84123, 0.83, 0.86), ("0.841".into(), "0.830 … 0.860".into()));
        assert_eq!(of(12.34, 8.0, 18.0), ("12".into(), "8 … 18".into()));
        assert_eq!(of(0.0, 0.0, 0.0), ("0.00".into(), "0.00 … 0.00".into()));
        assert_eq!(of(-0.5, -0.9, -0.1), ("−0.50".into(), "−0.90 … −0.10".into()));
        assert_eq!(figures(&v1::RatioEstimate::default()).0, "?");
    }

    #[test]
    fn ratios_by_generation_stand_under_their_generation() {
        let row = |labels: &[&str]| v1::RatioRow {
            ratio: "generation_growth".into(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            ..Default::default()
        };
        let of = |group_by: &[&str], labels: &[&str]| {
            let group_by = group_by.iter().map(|&axis| axis.to_owned()).collect();
            ratios(&[row(labels)], &v1::Query { group_by, ..Default::default() })
        };
        assert!(of(&[], &["0"]).contains("generation  ratio"));
        assert!(of(&["channel"], &["0", "sms"]).contains("generation × channel"));
        assert!(of(&[], &[]).contains("total"));
    }

    #[test]
    fn a_ratio_without_a_number_says_why() {
        let count = Some(v1::Estimate::default());
        let row = v1::RatioRow { numerator: count, denominator: count, ..Default::default() };
        assert_eq!(note_of_ratio(&row, false), "not estimable");
        assert_eq!(note_of_ratio(&v1::RatioRow { numerator: None, ..row }, false), "no cost is declared");
    }

    #[test]
    fn a_row_has_one_minus_sign() {
        let compared = v1::ComparedRow {
            difference: Some(v1::Change { value: -12.0, ..Default::default() }),
            ratio: Some(v1::RatioEstimate { value: Some(0.6), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(change(&compared), "−12 (−40 %), may be noise");
    }
}
