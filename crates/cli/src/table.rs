//! Tables, numbers and times in plain text.

use std::fmt::Write as _;

/// A table with left-aligned text and right-aligned numbers.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|&head| head.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it to standard output.
    pub(crate) fn print(&self) {
        print!("{}", self.render());
    }

    /// The table as lines.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let mut widths = vec![0; columns];
        let mut numeric = vec![true; columns];
        for (index, row) in self.rows.iter().enumerate() {
            for column in 0..columns {
                let text = cell(row, column);
                widths[column] = widths[column].max(text.chars().count());
                numeric[column] &= index == 0 || is_number(&text);
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for column in 0..columns {
                let (text, width) = (cell(row, column), widths[column]);
                let gap = if column == 0 { "" } else { "  " };
                // Unwrap safety: writing to a String cannot fail.
                let _ = match numeric[column] {
                    true => write!(line, "{gap}{text:>width$}"),
                    false => write!(line, "{gap}{text:<width$}"),
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn is_number(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || " ,.+-−±%…".contains(c))
}

/// A count with thousands apart: `12,330`; a negative one keeps its sign.
pub(crate) fn count(value: f64) -> String {
    let rounded = value.round();
    let digits = format!("{:.0}", rounded.abs());
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if rounded < 0.0 { format!("−{out}") } else { out }
}

/// A number with so many decimals, and the minus sign that [`count`] has.
pub(crate) fn decimal(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let is_zero = text.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !is_zero { format!("−{text}") } else { text }
}

/// A moment as text, to the minute.
pub(crate) fn utc(seconds: u64) -> String {
    moment(seconds, "%Y-%m-%d %H:%M")
}

/// The day of a moment.
pub(crate) fn day(seconds: u64) -> String {
    moment(seconds, "%Y-%m-%d")
}

/// A moment for other programs: ISO 8601, to the second.
pub(crate) fn iso(seconds: u64) -> String {
    moment(seconds, "%Y-%m-%dT%H:%M:%SZ")
}

/// How to write these moments: days, where each is the beginning of one.
pub(crate) fn days_or_minutes(moments: impl IntoIterator<Item = u64>) -> fn(u64) -> String {
    const DAY: u64 = 86_400;
    if moments.into_iter().all(|seconds| seconds % DAY == 0) { day } else { utc }
}

fn moment(seconds: u64, format: &str) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_in_threes() {
        for (value, text) in
            [(0.0, "0"), (999.4, "999"), (12_330.0, "12,330"), (1e6, "1,000,000"), (-1_234.5, "−1,235"), (-0.3, "0")]
        {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn every_number_has_one_minus_sign_and_zero_has_none() {
        for (value, digits, text) in [(-0.126, 2, "−0.13"), (-0.001, 2, "0.00"), (2.0, 0, "2"), (-12.4, 0, "−12")] {
            assert_eq!(decimal(value, digits), text);
        }
    }

    #[test]
    fn moments_are_days_where_all_of_them_are() {
        let [midnight, noon] = [1_795_305_600, 1_795_348_800];
        assert_eq!(days_or_minutes([midnight, midnight + 86_400])(midnight), "2026-11-22");
        assert_eq!(days_or_minutes([midnight, noon])(midnight), "2026-11-22 00:00");
        assert_eq!(iso(noon), "2026-11-22T12:00:00Z");
    }

    #[test]
    fn numbers_stand_right_and_text_left() {
        let mut table = Table::new(&["channel", "estimate"]);
        table.row(["whatsapp".to_owned(), "7".to_owned()]);
        table.row(["x".to_owned(), "1,200".to_owned()]);
        assert_eq!(table.render(), "channel   estimate\nwhatsapp         7\nx            1,200\n");
    }
}
