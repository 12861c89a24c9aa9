//! The map: which column of a log is what.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::settings::read_toml;

/// What the rows of a log are.
#[derive(Debug)]
pub(crate) enum Map {
    /// Sessions: `examples/online-shoppers.toml` is a map of such a log.
    Sessions(Box<SessionMap>),
    /// Contents, each with the number of its shares: `examples/online-news.toml`.
    Contents(ContentMap),
}

/// A map file.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct MapFile {
    channel: Option<ChannelColumn>,
    visitor: Option<VisitorColumn>,
    conversion: Option<ConversionColumn>,
    value: Option<ValueColumn>,
    content: Option<ContentColumn>,
    weight: Option<WeightColumn>,
}

/// Which columns of a log of sessions are what.
#[cfg_attr(test, derive(Deserialize))]
#[derive(Debug)]
pub(crate) struct SessionMap {
    /// How a session came about.
    pub(crate) channel: ChannelColumn,
    /// Whether its visitor was new.
    pub(crate) visitor: Option<VisitorColumn>,
    /// Whether it converted.
    pub(crate) conversion: Option<ConversionColumn>,
    /// What the conversion was worth.
    pub(crate) value: Option<ValueColumn>,
}

/// Which columns of a list of contents are what.
#[derive(Debug)]
pub(crate) struct ContentMap {
    /// The content's id.
    pub(crate) content: ContentColumn,
    /// How often it was shared; once without it.
    pub(crate) weight: Option<WeightColumn>,
}

/// The column that holds a content's id.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContentColumn {
    /// The column's name; each of its values stands once.
    pub(crate) column: String,
}

/// The column that holds how often a content was shared.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightColumn {
    /// The column's name; its values are whole numbers.
    pub(crate) column: String,
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
        read_toml::<MapFile>(path)?.sorted().with_context(|| format!("{}:1", path.display()))
    }
}

impl MapFile {
    fn sorted(self) -> Result<Map> {
        let Self { channel, visitor, conversion, value, content, weight } = self;
        match (channel, content) {
            (Some(channel), None) => {
                ensure!(weight.is_none(), "[weight] needs [content]: it says how often a content was shared");
                let needed = "[value] needs [conversion]: a value belongs to a conversion";
                ensure!(value.is_none() || conversion.is_some(), needed);
                Ok(Map::Sessions(Box::new(SessionMap { channel, visitor, conversion, value })))
            }
            (None, Some(content)) => {
                let of_sessions = visitor.is_some() || conversion.is_some() || value.is_some();
                ensure!(
                    !of_sessions,
                    "[visitor], [conversion] and [value] are of sessions: leave them out with [content]"
                );
                Ok(Map::Contents(ContentMap { content, weight }))
            }
            _ => bail!("give [channel] for a log of sessions, or [content] for a list of contents: one of them"),
        }
    }
}

impl SessionMap {
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

impl ContentMap {
    /// What a real device would know and this list does not say, each as a clause.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let mut missing = vec![
            "the list names no device and no time, so the shares of one device are drawn at random",
            "it does not say to which channels contents were shared",
        ];
        if self.weight.is_none() {
            missing.push("it does not say how often, so each content is shared once");
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Map> {
        toml::from_str::<MapFile>(text)?.sorted()
    }

    #[test]
    fn a_map_is_of_sessions_or_of_contents() {
        assert!(matches!(read_text("[channel]\ncolumn = \"a\""), Ok(Map::Sessions(_))));
        assert!(matches!(read_text("[content]\ncolumn = \"a\"\n[weight]\ncolumn = \"b\""), Ok(Map::Contents(_))));
        for (text, told) in [
            ("", "one of them"),
            ("[channel]\ncolumn = \"a\"\n[content]\ncolumn = \"b\"", "one of them"),
            ("[channel]\ncolumn = \"a\"\n[weight]\ncolumn = \"b\"", "[weight] needs [content]"),
            ("[channel]\ncolumn = \"a\"\n[value]\ncolumn = \"b\"\nbuckets = []", "[value] needs [conversion]"),
            ("[content]\ncolumn = \"a\"\n[visitor]\ncolumn = \"b\"\nnew = []\nreturning = []", "leave them out"),
        ] {
            assert!(read_text(text).unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
