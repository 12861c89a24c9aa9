//! The log: rows of a CSV file read as sessions by a map.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use csv::StringRecord;

use super::map::{ConversionColumn, SessionMap, VisitorColumn};

/// One row.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LoggedSession {
    /// The arrival channel's label.
    pub(crate) channel: String,
    /// `new`, `returning` or `other`, where the map has the column.
    pub(crate) visitor: Option<&'static str>,
    /// Whether it converted.
    pub(crate) converted: bool,
    /// The conversion's value, where the map has the column.
    pub(crate) value: Option<f64>,
}

/// Reads a whole log; an error names the file, the line and the remedy.
pub(crate) fn read(path: &Path, map: &SessionMap) -> Result<Vec<LoggedSession>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let heads = reader.headers().map_err(|error| malformed(path, error))?.clone();
    let columns = Columns::find(&heads, map).with_context(|| format!("{}:1", path.display()))?;
    let mut sessions = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| malformed(path, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        sessions.push(columns.session(&record, map).with_context(|| format!("{}:{line}", path.display()))?);
    }
    anyhow::ensure!(!sessions.is_empty(), "{}: it has a head and no rows; give a log with sessions", path.display());
    Ok(sessions)
}

/// A CSV error with its place first.
pub(super) fn malformed(path: &Path, error: csv::Error) -> anyhow::Error {
    let line = error.position().map_or(1, csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the head has {expected_len}; mend or remove the row")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8; convert the file".to_owned(),
        _ => error.to_string(),
    };
    anyhow!("{}:{line}: {what}", path.display())
}

/// Where the mapped columns stand.
struct Columns {
    channel: usize,
    visitor: Option<usize>,
    conversion: Option<usize>,
    value: Option<usize>,
}

impl Columns {
    fn find(heads: &StringRecord, map: &SessionMap) -> Result<Self> {
        let find = |name: &str| {
            let missing = || {
                let heads: Vec<&str> = heads.iter().collect();
                anyhow!("no column '{name}'; the file has {}: name one of them in the map", heads.join(", "))
            };
            heads.iter().position(|head| head == name).ok_or_else(missing)
        };
        Ok(Self {
            channel: find(&map.channel.column)?,
            visitor: map.visitor.as_ref().map(|visitor| find(&visitor.column)).transpose()?,
            conversion: map.conversion.as_ref().map(|conversion| find(&conversion.column)).transpose()?,
            value: map.value.as_ref().map(|value| find(&value.column)).transpose()?,
        })
    }

    fn session(&self, record: &StringRecord, map: &SessionMap) -> Result<LoggedSession> {
        let field = |index: usize| record.get(index).unwrap_or_default();
        let channel = field(self.channel);
        anyhow::ensure!(!channel.is_empty(), "'{}' is empty; fill it or remove the row", map.channel.column);
        let converted = match (&map.conversion, self.conversion) {
            (Some(conversion), Some(index)) => conversion.is_yes(field(index))?,
            _ => false,
        };
        let value = match (&map.value, self.value) {
            (Some(value), Some(index)) if converted => Some(number(&value.column, field(index))?),
            _ => None,
        };
        Ok(LoggedSession {
            channel: map.channel.label(channel),
            visitor: map.visitor.as_ref().zip(self.visitor).map(|(visitor, index)| visitor.kind(field(index))),
            converted,
            value,
        })
    }
}

fn number(column: &str, text: &str) -> Result<f64> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite());
    value.ok_or_else(|| anyhow!("'{column}' holds '{text}', which is not a number"))
}

impl VisitorColumn {
    fn kind(&self, value: &str) -> &'static str {
        let holds = |values: &[String]| values.iter().any(|known| known == value);
        match (holds(&self.new), holds(&self.returning)) {
            (true, _) => "new",
            (false, true) => "returning",
            (false, false) => "other",
        }
    }
}

impl ConversionColumn {
    fn is_yes(&self, value: &str) -> Result<bool> {
        let holds = |values: &[String]| values.iter().any(|known| known == value);
        match (holds(&self.yes), holds(&self.no)) {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => {
                Err(anyhow!("'{}' holds '{value}', which the map lists under neither yes nor no", self.column))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"
        [channel]
        column = "source"
        labels = { "1" = "search" }
        prefix = "source-"
        [visitor]
        column = "who"
        new = ["N"]
        returning = ["R"]
        [conversion]
        column = "bought"
        yes = ["1"]
        no = ["0"]
        [value]
        column = "worth"
        buckets = ["0..10", "10.."]
    "#;

    fn read_text(csv: &str) -> Result<Vec<LoggedSession>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.csv");
        std::fs::write(&path, csv).unwrap();
        read(&path, &toml::from_str(MAP).unwrap())
    }

    #[test]
    fn rows_become_sessions() {
        let sessions = read_text("who,source,bought,worth\nN,1,1,12.5\nX,2,0,\n").unwrap();
        let first =
            LoggedSession { channel: "search".into(), visitor: Some("new"), converted: true, value: Some(12.5) };
        let second =
            LoggedSession { channel: "source-2".into(), visitor: Some("other"), converted: false, value: None };
        assert_eq!(sessions, [first, second]);
    }

    #[test]
    fn each_fault_names_the_line_and_the_remedy() {
        for (csv, line, remedy) in [
            ("who,bought,worth\n", "log.csv:1", "no column 'source'"),
            ("who,source,bought,worth\n", "log.csv", "no rows"),
            ("who,source,bought,worth\nN,1,1,5\nN,1\n", "log.csv:3", "2 fields where the head has 4"),
            ("who,source,bought,worth\nN,,0,\n", "log.csv:2", "'source' is empty"),
            ("who,source,bought,worth\nN,1,maybe,\n", "log.csv:2", "neither yes nor no"),
            ("who,source,bought,worth\nN,1,1,dear\n", "log.csv:2", "not a number"),
        ] {
            let error = format!("{:#}", read_text(csv).unwrap_err());
            assert!(error.contains(line) && error.contains(remedy), "{csv:?}: {error}");
        }
    }
}
