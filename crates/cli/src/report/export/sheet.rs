//! A table with a head line: columns of one name each, cells of text, numbers and times.

use anyhow::{Context as _, Result};
use tacita_proto::v1;

use crate::table::iso;

/// A table for other programs.
pub(crate) struct Sheet {
    before: Vec<String>,
    dimensions: Vec<String>,
    after: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// A table with these columns; of dimensions that are called like one of them, the name says what they are.
    pub(super) fn new(before: &[&str], dimensions: &[String], after: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self { before: owned(before), dimensions: dimensions.to_vec(), after: owned(after), rows: Vec::new() }
    }

    /// Adds a row: its cells in parts.
    pub(super) fn row(&mut self, parts: &[&[String]]) {
        self.rows.push(parts.concat());
    }

    /// The same with a first column that has this cell in all rows.
    pub(crate) fn led_by(mut self, head: &str, cell: &str) -> Self {
        self.before.insert(0, head.to_owned());
        self.rows.iter_mut().for_each(|row| row.insert(0, cell.to_owned()));
        self
    }

    fn heads(&self) -> Vec<String> {
        let taken = |name: &String| self.before.contains(name) || self.after.contains(name);
        let dimension = |name: &String| if taken(name) { format!("dimension_{name}") } else { name.clone() };
        let dimensions = self.dimensions.iter().map(dimension);
        self.before.iter().cloned().chain(dimensions).chain(self.after.iter().cloned()).collect()
    }

    /// The head line and the rows.
    pub(crate) fn csv(&self) -> Result<String> {
        Feed::default().csv(self)
    }
}

/// Tables that follow one another as one: a head line stands where it differs from the one before.
#[derive(Default)]
pub(crate) struct Feed {
    heads: Vec<String>,
}

impl Feed {
    /// The next table: RFC 4180, but that lines end as this system's do.
    pub(crate) fn csv(&mut self, sheet: &Sheet) -> Result<String> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let heads = sheet.heads();
        if heads != self.heads {
            csv.write_record(&heads)?;
            self.heads = heads;
        }
        for row in &sheet.rows {
            csv.write_record(row)?;
        }
        Ok(String::from_utf8(csv.into_inner().context("the table is whole")?)?)
    }
}

/// A text. One that begins like a formula gets an apostrophe, so that a spreadsheet shows it and does not run it:
/// contents' ids are the publisher's (`spec/dashboard.md`, §4).
pub(super) fn text(text: &str) -> String {
    let mut letters = text.chars();
    let is_formula = match (letters.next(), letters.next()) {
        (Some('=' | '+' | '@' | '\t' | '\r'), _) => true,
        (Some('-'), next) => !next.is_some_and(|next| next.is_ascii_digit() || next == '.'),
        _ => false,
    };
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

/// A number in full, a truth, or nothing.
pub(super) fn some(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The ends of a period; one that is open has no time.
pub(super) fn ends(period: Option<v1::TimeRange>) -> [String; 2] {
    let v1::TimeRange { from, to } = period.unwrap_or_default();
    [from, to].map(|end| if end == 0 { String::new() } else { iso(end) })
}

/// The columns of [`estimate`].
pub(super) const ESTIMATE: [&str; 6] = ["estimate", "low", "high", "variance", "above_zero", "reports_needed"];

/// A count; without one, nothing.
pub(super) fn estimate(one: Option<&v1::Estimate>) -> [String; 6] {
    [
        some(one.map(|one| one.value)),
        some(one.map(|one| one.low)),
        some(one.map(|one| one.high)),
        some(one.map(|one| one.variance)),
        some(one.map(|one| one.above_zero)),
        some(one.and_then(|one| one.reports_needed)),
    ]
}

/// A ratio in the columns of a count. It has no variance: its interval is Fieller's.
pub(super) fn ratio(one: Option<&v1::RatioEstimate>) -> [String; 6] {
    [
        some(one.and_then(|one| one.value)),
        some(one.and_then(|one| one.low)),
        some(one.and_then(|one| one.high)),
        String::new(),
        some(one.and_then(|one| one.low).map(|low| low > 0.0)),
        some(one.and_then(|one| one.reports_needed)),
    ]
}

/// Value and interval of a count.
pub(super) fn interval(one: Option<&v1::Estimate>) -> [String; 3] {
    [some(one.map(|one| one.value)), some(one.map(|one| one.low)), some(one.map(|one| one.high))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_a_spreadsheet_would_run_is_shown() {
        for (given, written) in [("=1+1", "'=1+1"), ("-x", "'-x"), ("-5", "-5"), ("@x", "'@x"), ("/a", "/a"), ("", "")]
        {
            assert_eq!(text(given), written);
        }
    }

    #[test]
    fn columns_have_names_of_their_own() {
        let names = ["value", "low", "channel"].map(str::to_owned);
        let sheet = Sheet::new(&["measure"], &names, &ESTIMATE);
        assert!(sheet.csv().unwrap().starts_with("measure,value,dimension_low,channel,estimate,low,"));
    }

    #[test]
    fn tables_that_follow_one_another_have_one_head_line_unless_it_changes() {
        let table = |dimension: &str, at: &str| {
            let mut sheet = Sheet::new(&["measure"], &[dimension.to_owned()], &[]);
            sheet.row(&[&["shares", "sms"].map(str::to_owned)]);
            sheet.led_by("at", at)
        };
        let mut feed = Feed::default();
        let mut next = |dimension, at| feed.csv(&table(dimension, at)).unwrap();
        assert_eq!(next("channel", "1"), "at,measure,channel\n1,shares,sms\n");
        assert_eq!(next("channel", "2"), "2,shares,sms\n");
        assert_eq!(next("at", "3"), "at,measure,dimension_at\n3,shares,sms\n");
    }
}
