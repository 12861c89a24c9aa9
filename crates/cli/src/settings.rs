//! Settings that several commands read: configuration files, durations, keys.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::{ArgMatches, error::ErrorKind, parser::ValueSource};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logs::{announce, announce_error};

/// Reads a TOML file; an error names the file, the line and the column.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let (line, column) = place_of(&text, error.span().unwrap_or_default().start);
        anyhow::anyhow!("{}:{line}:{column}: {}", path.display(), error.message())
    })
}

/// The line and the column of a byte, from 1.
pub(crate) fn place_of(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// A duration in a configuration file: `"90s"`, `"7d"`. Shown in days and less: a year is no number of days that an
/// operator wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        duration(&text).map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 86_400;
        let days = self.0.as_secs() / DAY;
        let rest = self.0.saturating_sub(Duration::from_secs(days * DAY));
        match (days, rest.is_zero()) {
            (0, _) => humantime::format_duration(rest).fmt(f),
            (1, true) => f.write_str("1day"),
            (_, true) => write!(f, "{days}days"),
            (1, false) => write!(f, "1day {}", humantime::format_duration(rest)),
            (_, false) => write!(f, "{days}days {}", humantime::format_duration(rest)),
        }
    }
}

/// What is kept from prints and logs: serialized, it is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(not shown)")
    }
}

/// Parses a duration such as `90s`, `15m`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("'{text}' is not a duration: write it like 90s, 15m or 7d"))
}

/// Parses the collector's signing key: 64 hexadecimal digits.
pub(crate) fn signing_key(text: &str) -> Result<VerifyingKey, String> {
    let remedy = "is not a signing key: it has 64 hexadecimal digits; `tacita status` prints it";
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    key.ok_or_else(|| format!("'{text}' {remedy}"))
}

/// Parses ε as written by people (`2`, `0.5`).
pub(crate) fn epsilon(text: &str) -> Result<tacita_dp::Epsilon, String> {
    text.parse().map_err(|error| format!("'{text}' is not a usable ε: {error}"))
}

/// Parses an address to reach, `http://HOST:PORT` or `https://HOST[:PORT]`.
pub(crate) fn http_address(text: &str) -> Result<String, String> {
    let remedy = || {
        format!(
            "'{text}' is not an address: write http://HOST:PORT, for example http://127.0.0.1:7601, or https://HOST[:PORT]"
        )
    };
    let uri: tonic::transport::Uri = text.parse().map_err(|_| remedy())?;
    // A port that is none, such as 99999, reads as no port.
    let only_a_host = uri.authority().is_some_and(|authority| authority.as_str() == authority.host());
    let is_address = match (uri.scheme_str(), uri.port_u16()) {
        (Some("http"), port) => port.is_some(),
        (Some("https"), port) => port.is_some() || only_a_host,
        _ => false,
    };
    match is_address && uri.path() == "/" {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(remedy()),
    }
}

/// SIGTERM and SIGINT, from here on in the process's own hands.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them.
    pub(crate) fn take() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one.
    pub(crate) async fn told_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for `end`; a second signal ends the process at once, with exit code 1.
    pub(crate) async fn end<T>(&mut self, end: impl Future<Output = T>) -> T {
        announce("stopping: what is under way is brought to its end; a second signal cuts it off");
        tokio::select! {
            ended = end => ended,
            () = self.told_to_stop() => {
                announce_error("told to stop a second time: what was under way is cut off, and was not acknowledged");
                std::process::exit(1)
            }
        }
    }
}

/// An API key, given itself or in a file. Of the two a flag goes before the other's variable.
#[derive(Clone)]
pub(crate) struct KeyArgs {
    key: Option<String>,
    key_file: Option<PathBuf>,
}

/// The arguments of [`KeyArgs`], as clap knows them.
#[derive(clap::Args)]
struct KeyFlags {
    /// The API key (tacita_ID_SECRET).
    #[arg(long = KEY, value_name = "KEY", env = "TACITA_KEY", hide_env_values = true, global = true)]
    key: Option<String>,
    /// A file that holds the API key and nothing else.
    #[arg(long, value_name = "FILE", env = "TACITA_KEY_FILE", global = true)]
    key_file: Option<PathBuf>,
}

const KEY: &str = "key";
const KEY_FILE: &str = "key_file";

impl clap::FromArgMatches for KeyArgs {
    /// clap would call a flag and the other's variable a conflict.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let KeyFlags { key, key_file } = KeyFlags::from_arg_matches(matches)?;
        let by_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        match (by_flag(KEY), by_flag(KEY_FILE)) {
            (true, false) => Ok(Self { key, key_file: None }),
            (false, true) => Ok(Self { key: None, key_file }),
            (by_flags, _) if key.is_some() && key_file.is_some() => {
                let twice = if by_flags { ["--key", "--key-file"] } else { ["TACITA_KEY", "TACITA_KEY_FILE"] };
                let [key, file] = twice;
                Err(clap::Error::raw(ErrorKind::ArgumentConflict, format!("{key} and {file} are both given: give one")))
            }
            _ => Ok(Self { key, key_file }),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for KeyArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        KeyFlags::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        KeyFlags::augment_args_for_update(command)
    }
}

impl KeyArgs {
    /// Whether there is one.
    pub(crate) fn is_given(&self) -> bool {
        self.key.is_some() || self.key_file.is_some()
    }

    /// The key; an error says where to get one.
    pub(crate) fn read(&self, holder: &str) -> Result<String> {
        let key = match (&self.key, &self.key_file) {
            (Some(key), _) => key.clone(),
            (None, Some(path)) => {
                fs::read_to_string(path).with_context(|| format!("cannot read the API key in {}", path.display()))?
            }
            (None, None) => bail!("no API key: give --key or --key-file with {holder}"),
        };
        api_key(&key, holder)
    }
}

/// Parses an API key; an error says where to get one.
pub(crate) fn api_key(text: &str, holder: &str) -> Result<String> {
    let key = text.trim();
    if !key.starts_with("tacita_") || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("this is not an API key: a key reads tacita_ID_SECRET; give {holder}");
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        #[derive(Deserialize, Debug)]
        struct Config {
            #[serde(rename = "age")]
            _age: Span,
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.toml");
        fs::write(&path, "# ages\nage = \"soon\"\n").unwrap();
        let error = read_toml::<Config>(&path).unwrap_err().to_string();
        assert!(error.contains("relay.toml:2:7: 'soon' is not a duration"), "{error}");
    }

    #[test]
    fn addresses_keys_and_durations_say_how_to_write_them() {
        assert_eq!(http_address("http://127.0.0.1:7601/").unwrap(), "http://127.0.0.1:7601");
        assert_eq!(http_address("https://collector.example").unwrap(), "https://collector.example");
        for bad in ["127.0.0.1:7601", "http://", "http://host", "ftp://host:1", "http://h:1/path", "https://h:99999"] {
            assert!(http_address(bad).unwrap_err().contains("http://HOST:PORT"), "{bad}");
        }
        assert!(signing_key("abcd").unwrap_err().contains("64 hexadecimal digits"));
        assert!(duration("fast").unwrap_err().contains("90s"));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
    }

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for text in ["0s", "90s", "1day", "400days", "1day 2h 3m", "36500days", "1ms"] {
            let shown = Span(duration(text).unwrap()).to_string();
            assert_eq!(duration(&shown), duration(text), "{text}");
            assert!(!shown.contains("month") && !shown.contains("year"), "{shown}");
        }
        assert_eq!(Span(duration("400days").unwrap()).to_string(), "400days");
    }
}
