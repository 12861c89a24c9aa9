//! The settings of a server: a flag goes before the environment, which goes before the file, which goes before the default.
//!
//! One mechanism for every setting of every server. What may be set is what the server's type of settings has as
//! fields; the defaults are its example file, which is compiled in; a variable's name follows from the setting's by
//! rule. Every value remembers where it came from, and whatever is wrong is said of all values at once, each with its
//! place and the remedy. `spec/operation.md`, section 1.
//!
//! | module | holds |
//! |---|---|
//! | `given` | values and where they came from: file, variable, flag |
//! | `known` | the names of the settings, and which one was meant |
//! | `machine` | whether files, folders and addresses can be used |

mod given;
mod known;
mod machine;

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

pub(crate) use self::machine::{own_folder, readable_file, unusable_addresses, writable_folder};
use self::{
    given::{Flag, Given, Origin},
    known::Known,
};
use crate::logs::announce;

/// Values by the setting's name, `section.name`.
type Values = BTreeMap<String, Given>;

/// What a server can be told. Serialized, a secret is not shown.
pub(crate) trait Settings: Serialize + DeserializeOwned + Default {
    /// The subcommand that takes them: `collector` for variables that begin with `TACITA_COLLECTOR__`.
    const SERVER: &'static str;
    /// A file with every default.
    const DEFAULTS: &'static str;
    /// Pairs of settings of which one stands for the other: of two that are given, the one from the stronger source holds.
    const EITHER: &'static [[&'static str; 2]] = &[];

    /// What single values do not tell: whether they fit each other, and the machine.
    fn misfits(&self) -> Vec<Misfit>;

    /// What can be, and is seldom meant.
    fn doubts(&self) -> Vec<Misfit> {
        Vec::new()
    }
}

/// A setting that cannot be as it is.
pub(crate) struct Misfit {
    /// Its name, `section.name`; empty where what is wrong is no single setting's.
    pub(crate) setting: String,
    /// Why, and what to do.
    pub(crate) remedy: String,
}

impl Misfit {
    pub(crate) fn new(setting: &'static str, remedy: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), remedy: remedy.into() }
    }
}

/// What is wrong with what was asked for, while the reading goes on.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) Vec<Misfit>);

impl Asked {
    /// What was found; where it cannot be, something in its place. An error that begins with a setting's name,
    /// `setting: remedy`, is of that one.
    pub(crate) fn take<T: Default>(&mut self, setting: &'static str, found: Result<T>) -> T {
        found.unwrap_or_else(|error| {
            let text = format!("{error:#}");
            let named = text.split_once(": ").filter(|(name, _)| is_of(name, setting));
            let (setting, remedy) = named.unwrap_or((setting, &text));
            self.0.push(Misfit { setting: setting.to_owned(), remedy: remedy.to_owned() });
            T::default()
        })
    }

    /// Adds what is wrong beside, unless that setting is complained of already.
    pub(crate) fn add(&mut self, misfits: impl IntoIterator<Item = Misfit>) {
        let known: HashSet<String> = self.0.iter().map(|misfit| misfit.setting.clone()).collect();
        self.0.extend(misfits.into_iter().filter(|misfit| !known.contains(&misfit.setting)));
    }
}

/// Where else than by a flag of its own a setting may come from.
#[derive(clap::Args, Default)]
pub(crate) struct ConfigArgs {
    /// A TOML file of settings; flags and environment go before it (`examples/` has a file with all of them).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting of the file, as in `--set windows.max-age=1d`.
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<String>,
    /// Flags that are called otherwise than what they set.
    #[arg(skip)]
    flags: Vec<Flag>,
}

impl ConfigArgs {
    /// The file, if one was given.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.config.clone()
    }

    /// The command line has `flag`, which sets this; a text is read as a variable's is.
    pub(crate) fn set(&mut self, flag: &'static str, setting: &'static str, value: &str) {
        self.flags.push(Flag { flag: flag.to_owned(), setting: setting.to_owned(), value: value.into() });
    }
}

/// Settings that were read, with where each came from.
pub(crate) struct Loaded<S> {
    pub(crate) settings: S,
    values: Values,
    pub(crate) problems: Vec<String>,
    /// Of the problems that of a file which cannot be read.
    unreadable: Option<String>,
    notes: Vec<String>,
}

/// What can be, and is seldom meant.
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// Says it, in the log if that is how the process speaks.
    pub(crate) fn say(&self) {
        self.0.iter().for_each(|note| announce(&format!("note: {note}")));
    }
}

/// Everything that is wrong with the settings, each with its place and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub(crate) struct Problems(pub(crate) Vec<String>);

/// Reads a server's settings. `flags` are those of its own, by the settings' names.
///
/// # Errors
/// None that whoever starts a server can mend: what is wrong with what was given is in [`Loaded`].
pub(crate) fn load<S: Settings>(args: &ConfigArgs, flags: &impl Serialize) -> Result<Loaded<S>> {
    let flags = Table::try_from(flags).context("the flags")?;
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    load_from(args, flags, variables)
}

fn load_from<S: Settings>(
    args: &ConfigArgs,
    flags: Table,
    variables: impl Iterator<Item = (String, std::ffi::OsString)>,
) -> Result<Loaded<S>> {
    let (text, unreadable) = match args.config.as_deref().map(given::text_of).transpose() {
        Ok(text) => (text, None),
        Err(problem) => (None, Some(problem)),
    };
    let file = args.config.as_deref().zip(text.as_deref());
    let called_alike = flags.into_iter().map(|(name, value)| Flag { flag: format!("--{name}"), setting: name, value });
    let flags = called_alike.chain(args.flags.iter().cloned());
    let (mut loaded, undecoded) = decode::<S>(file, flags, &args.set, variables)?;
    loaded.problems.splice(..0, unreadable.clone());
    loaded.unreadable = unreadable;
    // What does not decode stands at its default now: whether that fits is no question. Nor is it one of what a file that
    // cannot be read may say.
    let fit = |misfits: Vec<Misfit>| {
        let concerns = |setting: &str, name: &str| {
            setting.is_empty() || name.is_empty() || is_of(setting, name) || is_of(name, setting)
        };
        let decoded = |misfit: &Misfit| !undecoded.iter().any(|name| concerns(&misfit.setting, name));
        let is_known =
            |misfit: &Misfit| loaded.unreadable.is_none() || origin(&loaded.values, &misfit.setting).is_some();
        let placed = |misfit: Misfit| place(&loaded.values, &misfit.setting, &misfit.remedy);
        misfits.into_iter().filter(decoded).filter(is_known).map(placed).collect::<Vec<_>>()
    };
    let (problems, notes) = (fit(loaded.settings.misfits()), fit(loaded.settings.doubts()));
    loaded.problems.extend(problems);
    loaded.notes.extend(notes);
    Ok(loaded)
}

/// Reads what was given, without a look at the machine; and the names of the values that do not decode.
pub(crate) fn decode<S: Settings>(
    file: Option<(&Path, &str)>,
    flags: impl Iterator<Item = Flag>,
    set: &[String],
    variables: impl Iterator<Item = (String, std::ffi::OsString)>,
) -> Result<(Loaded<S>, Vec<String>)> {
    let known = Known::of::<S>()?;
    let mut problems = Vec::new();
    let defaults = given::defaults(S::DEFAULTS, &known);
    let mut values = defaults.clone();
    if let Some((path, text)) = file {
        values.extend(given::in_file(path, text, &known, &mut problems));
    }
    let mut notes = Vec::new();
    values.extend(given::in_environment(S::SERVER, variables, &known, &mut problems, &mut notes));
    values.extend(given::by_flags(flags, set, &known, &mut problems));
    S::EITHER.iter().for_each(|pair| set_weaker_aside(pair, &mut values));
    let mut undecoded = Vec::new();
    let settings: S = settings(&mut values, &defaults, &mut problems, &mut undecoded);
    Ok((Loaded { settings, values, problems, unreadable: None, notes }, undecoded))
}

/// A flag goes before a variable, and that before the file, also where they say one thing by two names.
fn set_weaker_aside(pair: &[&'static str; 2], values: &mut Values) {
    let [strength, other] = pair.map(|name| values.get(name).map(|given| given.origin.strength()));
    match (strength, other) {
        (Some(one), Some(other)) if one < other => drop(values.remove(pair[0])),
        (Some(one), Some(other)) if one > other => drop(values.remove(pair[1])),
        _ => {}
    }
}

/// Whether a name is that of a setting or section, or of something in the section.
fn is_of(name: &str, section: &str) -> bool {
    name.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl<S: Settings> Loaded<S> {
    /// The settings, if nothing is wrong with them, and what is doubtful.
    pub(crate) fn checked(self) -> Result<(S, Notes), Problems> {
        let notes = Notes(self.notes);
        match self.problems.is_empty() {
            true => Ok((self.settings, notes)),
            false => {
                notes.say();
                Err(Problems(self.problems))
            }
        }
    }

    /// The settings as far as they hold, for who needs but a few of them.
    ///
    /// # Errors
    /// The file cannot be read: nobody knows what it says.
    pub(crate) fn unchecked(self) -> Result<S, Problems> {
        self.unreadable.map_or(Ok(self.settings), |problem| Err(Problems(vec![problem])))
    }

    /// Every setting that holds, by name: its value as a file would have it, and where it came from. No secret is shown.
    pub(crate) fn rows(&self) -> Result<Vec<[String; 3]>> {
        let shown = serde_json::to_value(&self.settings)?;
        let row = |name: &str| {
            let value = name.split('.').try_fold(&shown, |value, part| value.get(part));
            let origin = self.values.get(name).map_or_else(|| "not set".to_owned(), |given| given.origin.to_string());
            [
                name.to_owned(),
                value.filter(|value| !value.is_null()).map(ToString::to_string).unwrap_or_default(),
                origin,
            ]
        };
        Ok(Known::of::<S>()?.names().map(row).collect())
    }
}

/// Decodes the values; those that do not decode are reported and stand at their default.
fn settings<S: Settings>(
    values: &mut Values,
    defaults: &Values,
    problems: &mut Vec<String>,
    undecoded: &mut Vec<String>,
) -> S {
    loop {
        let error = match serde_path_to_error::deserialize::<_, S>(Value::Table(tree(values))) {
            Ok(settings) => return settings,
            Err(error) => error,
        };
        let path = error.path().to_string();
        let name = path.split('[').next().unwrap_or_default().to_owned();
        let Some(given) = values.get_mut(&name) else {
            problems.push(format!("{path}: {}", error.inner().message()));
            // All stand at nothing: none of them is to be judged.
            undecoded.push(String::new());
            return S::default();
        };
        if given.read_otherwise() {
            continue;
        }
        undecoded.push(name.clone());
        problems.push(place(values, &name, &remedy(error.inner().message(), defaults.get(&name))));
        match defaults.get(&name) {
            Some(default) if values.get(&name).is_some_and(|given| given.origin != default.origin) => {
                values.insert(name, default.clone())
            }
            _ => values.remove(&name),
        };
    }
}

/// What is wrong, with how the default is written where the message does not tell what to write.
fn remedy(message: &str, default: Option<&Given>) -> String {
    let message = in_words(message);
    match default {
        Some(default) if message.starts_with("invalid") => format!("{message}; the default is {}", default.value),
        _ => message,
    }
}

/// What serde expected, without the names that Rust has for numbers.
fn in_words(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let words = match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list in brackets, [\"one\", \"other\"]",
        other => other,
    };
    format!("{before}expected {words}")
}

/// A complaint about a setting, at the place where it was set; about a section, at the first of its settings that was.
fn place(values: &Values, setting: &str, remedy: &str) -> String {
    match origin(values, setting) {
        _ if setting.is_empty() => remedy.to_owned(),
        None => format!("{setting}: {remedy}"),
        Some(origin) => format!("{origin}: {setting}: {remedy}"),
    }
}

/// Where a setting, or the first of a section's, was set; none where it stands at its default.
fn origin<'a>(values: &'a Values, setting: &str) -> Option<&'a Origin> {
    let given = values.iter().find(|(name, given)| is_of(name, setting) && given.origin != Origin::Default);
    given.map(|(_, given)| &given.origin)
}

/// The values as the tables that a file would have.
fn tree(values: &Values) -> Table {
    let mut root = Table::new();
    values.iter().for_each(|(name, given)| insert(&mut root, name, given.value.clone()));
    root
}

fn insert(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(table.insert(name.to_owned(), value)),
        Some((section, rest)) => {
            // A section's name is no setting's: `known` sees to that.
            if let Value::Table(inner) = table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
