//! Values as they were given, and by whom.

use std::{ffi::OsString, fmt, fs, ops::Range, path::Path};

use serde::Deserialize as _;
use toml::{
    Value,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    Values,
    known::{Known, variable},
};
use crate::settings::place_of;

/// Variables that were called otherwise before one rule held for all. Whoever still sets one would be left with the default.
const RENAMED: [(&str, &str); 8] = [
    ("TACITA_COLLECTOR_LISTEN", "TACITA_COLLECTOR__LISTEN"),
    ("TACITA_COLLECTOR_DATA", "TACITA_COLLECTOR__DATA"),
    ("TACITA_STORE", "TACITA_COLLECTOR__STORE"),
    ("TACITA_VAULT", "TACITA_COLLECTOR__VAULT"),
    ("TACITA_RELAY_LISTEN", "TACITA_RELAY__LISTEN"),
    ("TACITA_RELAY_DATA", "TACITA_RELAY__DATA"),
    ("TACITA_RELAY_SDK", "TACITA_RELAY__SDK"),
    ("TACITA_RELAY_LINKS", "TACITA_RELAY__LINKS"),
];

/// Variables of the log, whatever the server. One of the server's own goes before them.
const OF_THE_LOG: [(&str, &str); 2] = [("TACITA_LOG", "log.filter"), ("TACITA_LOG_FORMAT", "log.format")];

/// Where a value came from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File { file: String, line: usize, column: usize },
    Variable(String),
    Flag(String),
}

impl Origin {
    /// The greater goes before the lesser.
    pub(super) fn strength(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A flag with a value.
#[derive(Clone)]
pub(crate) struct Flag {
    /// As it is written: `--log`.
    pub(super) flag: String,
    /// The setting that it sets.
    pub(super) setting: String,
    pub(super) value: Value,
}

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// A variable or a flag is a text. Where it reads as a TOML value, that is tried first and the text itself is kept here.
    text: Option<String>,
}

impl Given {
    fn text(text: String, origin: Origin) -> Self {
        match ValueDeserializer::parse(&text).ok().and_then(|value| Value::deserialize(value).ok()) {
            Some(value) => Self { value, origin, text: Some(text) },
            None => Self { value: Value::String(text), origin, text: None },
        }
    }

    /// Takes the text for what it is, once.
    pub(super) fn read_otherwise(&mut self) -> bool {
        let Some(text) = self.text.take() else { return false };
        self.value = Value::String(text);
        true
    }
}

/// What a file holds; or why it cannot be read, with its place and the remedy.
pub(super) fn text_of(path: &Path) -> Result<String, String> {
    let file = path.display();
    let bytes = fs::read(path)
        .map_err(|error| format!("{file}: cannot be read ({error}): name a file that is there and may be read"))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let (line, column) = place_of(&valid, valid.len());
        format!("{file}:{line}:{column}: this is not UTF-8: write the file in it")
    })
}

/// The values of a file that is compiled in.
pub(super) fn defaults(text: &str, known: &Known) -> Values {
    let mut values = in_file(Path::new("defaults"), text, known, &mut Vec::new());
    values.values_mut().for_each(|given| given.origin = Origin::Default);
    values
}

/// The values of a file.
pub(super) fn in_file(path: &Path, text: &str, known: &Known, problems: &mut Vec<String>) -> Values {
    let origin = |span: Range<usize>| {
        let (line, column) = place_of(text, span.start);
        Origin::File { file: path.display().to_string(), line, column }
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let at = |error: &toml::de::Error| origin(error.span().unwrap_or_default());
        problems.extend(errors.iter().map(|error| format!("{}: {}; mend the file's TOML", at(error), error.message())));
        return Values::new();
    }
    let mut values = Values::new();
    let mut found = Vec::new();
    flatten(document.into_inner(), "", known, &mut |name, span, value| {
        let wrong = match value {
            Some(value) if known.has(&name) => {
                values.insert(name, Given { value, origin: origin(span), text: None });
                return;
            }
            Some(_) if known.has_section(&name) => {
                format!("'{name}' is a section: write [{name}] on a line of its own")
            }
            Some(_) => known.unknown(&name, str::to_owned),
            None => format!("{name}: the number is too large: {} is the largest that a file can hold", i64::MAX),
        };
        found.push((span.start, wrong));
    });
    found.sort_unstable();
    problems.extend(found.into_iter().map(|(start, wrong)| format!("{}: {wrong}", origin(start..start))));
    values
}

/// The values of the variables `TACITA_SERVER__…`.
pub(super) fn in_environment(
    server: &str,
    variables: impl Iterator<Item = (String, OsString)>,
    known: &Known,
    problems: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Values {
    let prefix = format!("TACITA_{}__", server.to_uppercase());
    let cut_short = &prefix[..prefix.len() - 1];
    let mut values = Values::new();
    for (name, value) in variables {
        if let Some((_, setting)) = OF_THE_LOG.iter().find(|(one, setting)| *one == name && known.has(setting)) {
            match value.into_string() {
                Ok(text) => {
                    values.entry((*setting).to_owned()).or_insert(Given::text(text, Origin::Variable(name)));
                }
                Err(_) => problems.push(not_utf8(&name)),
            }
            continue;
        }
        let renamed = RENAMED.iter().find(|(before, now)| *before == name && now.starts_with(&prefix));
        if let Some((before, now)) = renamed {
            problems.push(format!("{before}: this variable is called {now} now: rename it"));
            continue;
        }
        let Some(rest) = name.strip_prefix(&prefix) else {
            match name.strip_prefix(cut_short).map(|rest| known.of_variable_with_single_underscores(rest)) {
                None => {}
                Some(Some(setting)) => {
                    problems.push(format!("{name}: two underscores are missing: write {prefix}{}", variable(setting)));
                }
                // Refused it would keep a server from starting where others set it: Kubernetes does, for a service of that name.
                Some(None) => notes.push(format!(
                    "{name}: nothing reads this variable: those of settings begin with {prefix}, and `tacita check-config {server}` lists the settings"
                )),
            }
            continue;
        };
        match (known.of_variable(rest), value.into_string()) {
            (Some(setting), Ok(text)) => {
                drop(values.insert(setting.to_owned(), Given::text(text, Origin::Variable(name))));
            }
            (Some(_), Err(_)) => problems.push(not_utf8(&name)),
            (None, _) => {
                let meant = rest.to_lowercase().replace("__", ".").replace('_', "-");
                problems
                    .push(format!("{name}: {}", known.unknown(&meant, |name| format!("{prefix}{}", variable(name)))));
            }
        }
    }
    values
}

fn not_utf8(variable: &str) -> String {
    format!("{variable}: the value is not UTF-8: write it in that")
}

/// The values of flags: those of their own, and `--set SETTING=VALUE`.
pub(super) fn by_flags(
    flags: impl Iterator<Item = Flag>,
    set: &[String],
    known: &Known,
    problems: &mut Vec<String>,
) -> Values {
    let mut values = Values::new();
    for each in set {
        match each.split_once('=') {
            Some((name, text)) if known.has(name) => {
                let origin = Origin::Flag(format!("--set {name}"));
                drop(values.insert(name.to_owned(), Given::text(text.to_owned(), origin)));
            }
            Some((name, _)) => problems.push(format!("--set: {}", known.unknown(name, str::to_owned))),
            None => problems.push(format!("--set: '{each}' has no '=': write SETTING=VALUE")),
        }
    }
    for Flag { flag, setting, value } in flags {
        let origin = Origin::Flag(flag);
        let given = match value {
            Value::String(text) => Given::text(text, origin),
            value => Given { value, origin, text: None },
        };
        values.insert(setting, given);
    }
    values
}

/// Calls `each` with every value that is a setting, or that is no table: its name, where it stands, and what it is
/// unless no number is so large.
fn flatten(
    table: DeTable<'_>,
    within: &str,
    known: &Known,
    each: &mut impl FnMut(String, Range<usize>, Option<Value>),
) {
    for (key, value) in table {
        let name = if within.is_empty() { key.get_ref().to_string() } else { format!("{within}.{}", key.get_ref()) };
        let holds_settings = known.has_section(&name);
        match (key.span(), value) {
            (_, value) if holds_settings && value.get_ref().is_table() => {
                if let DeValue::Table(inner) = value.into_inner() {
                    flatten(inner, &name, known, each);
                }
            }
            (span, value) => each(name, span, Value::deserialize(ValueDeserializer::from(value)).ok()),
        }
    }
}
