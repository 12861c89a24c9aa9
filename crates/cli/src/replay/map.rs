//! The map: which column of a log is what.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::settings::read_toml;

/// A map file. `examples/online-shoppers.toml` is one.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Map {
    /// How a session came about.
    pub(crate) channel: ChannelColumn,
    /// Whether its visitor was new.
    pub(crate) visitor: Option<VisitorColumn>,
    /// Whether it converted.
    pub(crate) conversion: Option<ConversionColumn>,
    /// What the conversion was worth.
    pub(crate) value: Option<ValueColumn>,
}

/// The column that holds the arrival channel.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelColumn {
    /// The column's name.
    pub(crate) column: String,
    /// What the column's values are called in the report; a value that is not listed keeps its own name after `prefix`.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Put before values that are not listed.
    #[serde(default)]
    pub(crate) prefix: String,
}

/// The column that tells new visitors from returning ones.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisitorColumn {
    /// The column's name.
    pub(crate) column: String,
    /// The values that mean a new visitor.
    pub(crate) new: Vec<String>,
    /// The values that mean a returning one; all else counts as `other`.
    pub(crate) returning: Vec<String>,
}

/// The column that tells whether a session converted.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversionColumn {
    /// The column's name.
    pub(crate) column: String,
    /// The values that mean yes.
    pub(crate) yes: Vec<String>,
    /// The values that mean no; any other value is an error.
    pub(crate) no: Vec<String>,
}

/// The column that holds a conversion's value.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueColumn {
    /// The column's name; its cells are numbers.
    pub(crate) column: String,
    /// `LOW..HIGH`, HIGH exclusive, in order; the last may be `LOW..`.
    pub(crate) buckets: Vec<String>,
}

impl Map {
    /// Reads a map; an error names the file, the line and the remedy.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let map: Self = read_toml(path)?;
        ensure!(
            map.value.is_none() || map.conversion.is_some(),
            "{}: [value] needs [conversion]: a value belongs to a conversion",
            path.display()
        );
        Ok(map)
    }

    /// What a real device would know and this log does not say, each as a clause.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let mut missing = vec![
            "the log names no device, so each row is a device of its own",
            "it holds no links, so channels are taken from a column and not classified",
        ];
        if self.visitor.is_none() {
            missing.push("it does not tell new visitors from returning ones");
        }
        if self.conversion.is_none() {
            missing.push("it holds no conversions");
        } else if self.value.is_none() {
            missing.push("conversions have no value");
        }
        missing
    }
}

impl ChannelColumn {
    /// The label for a value of the column.
    pub(crate) fn label(&self, value: &str) -> String {
        self.labels.get(value).cloned().unwrap_or_else(|| format!("{}{value}", self.prefix))
    }
}
