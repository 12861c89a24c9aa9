//! Which settings there are, by name, and which one somebody meant.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Settings;

/// How alike two names must be for one to be taken for the other, from 0 to 1.
const ALIKE: f64 = 0.8;

/// The names of a server's settings, `section.name`.
pub(super) struct Known(BTreeSet<String>);

impl Known {
    /// Those that the type has as fields: a setting without a value is there as `null`.
    pub(super) fn of<S: Settings>() -> Result<Self> {
        let mut names = BTreeSet::new();
        gather(&serde_json::to_value(S::default()).context("the settings")?, "", &mut names);
        Ok(Self(names))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether settings of this section exist.
    pub(super) fn has_section(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The setting that a variable's name stands for: `WINDOWS__MAX_AGE` for `windows.max-age`.
    pub(super) fn of_variable(&self, name: &str) -> Option<&str> {
        self.names().find(|known| variable(known) == name)
    }

    /// The setting that a variable's name stands for if it has one underscore where two belong: `WINDOWS_MAX_AGE`.
    pub(super) fn of_variable_with_single_underscores(&self, name: &str) -> Option<&str> {
        let single = |name: &str| name.replace("__", "_");
        self.names().find(|known| single(&variable(known)) == single(name))
    }

    /// What is wrong with a name that is none, and which one was probably meant; `spell` writes names as the reader knows them.
    pub(super) fn unknown(&self, name: &str, spell: impl Fn(&str) -> String) -> String {
        let likeness = |known: &&str| {
            let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
            let whole = strsim::jaro_winkler(name, known);
            // Right, but in another section or in none.
            if last(name) == last(known) { whole.max(ALIKE) } else { whole }
        };
        let nearest = self.names().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match nearest.filter(|near| likeness(near) >= ALIKE) {
            Some(near) => format!("there is no setting '{}': did you mean '{}'?", spell(name), spell(near)),
            None => format!("there is no setting '{}': `tacita check-config` lists those that there are", spell(name)),
        }
    }
}

/// The part of a variable's name that stands for a setting.
pub(super) fn variable(setting: &str) -> String {
    setting.replace('.', "__").replace('-', "_").to_uppercase()
}

fn gather(value: &Value, name: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                gather(value, &name, names);
            }
        }
        _ => drop(names.insert(name.to_owned())),
    }
}
