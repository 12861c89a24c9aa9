//! Logs on standard error, as text or JSON, and what of them is written.
//!
//! Tacita's own crates write no address of a visitor, key, token, envelope, nullifier or page at any level. Those of
//! others do: `h2`, `hyper` and `tonic` print headers and peers below `warn`. So whatever the filter says, others are
//! heard from `warn` on only.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    str::FromStr,
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt::{MakeWriter, layer},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

/// What is written without a filter.
pub const DEFAULT: &str = "warn";

/// The target of what a process announces: written whatever the filter says.
pub const ANNOUNCEMENT: &str = "tacita::announcement";

/// How a line is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object on each line.
    Json,
}

/// A filter was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterError {
    /// A part of it is not understood.
    #[error(
        "log filter: '{part}' {problem}: write levels (error, warn, info, debug, trace) or CRATE=LEVEL, for example info,tacita_collector=debug"
    )]
    Part {
        /// The part between two commas.
        part: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Logs were set up elsewhere in this process.
    #[error("the log of this process was set up elsewhere: its filter cannot be set here")]
    NotOurs,
}

/// The filter in force, which can be replaced.
#[derive(Clone)]
pub struct LogFilter {
    handle: Option<reload::Handle<EnvFilter, Registry>>,
    text: Arc<Mutex<String>>,
}

impl LogFilter {
    /// Writes this process's log to standard error from here on. When another log is set up already, that one goes on.
    ///
    /// # Errors
    /// [`FilterError::Part`] when `filter` is not understood.
    pub fn to_stderr(format: LogFormat, filter: &str) -> Result<Self, FilterError> {
        let (log, this) = Self::log(format, filter, io::stderr)?;
        match log.try_init() {
            Ok(()) => Ok(this),
            Err(_) => Ok(Self { handle: None, ..this }),
        }
    }

    fn log<W>(
        format: LogFormat,
        filter: &str,
        writer: W,
    ) -> Result<(impl tracing::Subscriber + Send + Sync + use<W>, Self), FilterError>
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let (filtering, handle) = reload::Layer::new(parse(filter)?);
        let announced = filter_fn(|metadata| metadata.target() == ANNOUNCEMENT).with_max_level_hint(LevelFilter::INFO);
        let wanted = filtering.and(filter_fn(may_be_heard)).or(announced);
        let lines = match format {
            LogFormat::Text => {
                layer().with_ansi(io::stderr().is_terminal()).with_writer(writer).with_filter(wanted).boxed()
            }
            LogFormat::Json => {
                layer().json().flatten_event(true).with_span_list(false).with_writer(writer).with_filter(wanted).boxed()
            }
        };
        let this = Self { handle: Some(handle), text: Arc::new(Mutex::new(filter.to_owned())) };
        Ok((Registry::default().with(lines), this))
    }

    /// Whether a filter would be taken.
    ///
    /// # Errors
    /// [`FilterError::Part`] when it is not understood.
    pub fn check(filter: &str) -> Result<(), FilterError> {
        parse(filter).map(drop)
    }

    /// The filter in force.
    pub fn text(&self) -> String {
        self.text.lock().clone()
    }

    /// Whether [`set`](Self::set) would take a filter, for who has to write down first that it was set.
    ///
    /// # Errors
    /// [`FilterError`], as of `set`.
    pub fn would_take(&self, filter: &str) -> Result<(), FilterError> {
        parse(filter)?;
        let handle = self.handle.as_ref().ok_or(FilterError::NotOurs)?;
        handle.with_current(|_| ()).map_err(|_| FilterError::NotOurs)
    }

    /// Replaces the filter.
    ///
    /// # Errors
    /// [`FilterError`]; the one in force stays.
    pub fn set(&self, filter: &str) -> Result<(), FilterError> {
        let parsed = parse(filter)?;
        let handle = self.handle.as_ref().ok_or(FilterError::NotOurs)?;
        let mut text = self.text.lock();
        handle.reload(parsed).map_err(|_| FilterError::NotOurs)?;
        filter.clone_into(&mut text);
        Ok(())
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogFilter({})", self.text.lock())
    }
}

fn is_ours(target: &str) -> bool {
    target.starts_with("tacita")
}

fn may_be_heard(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata.target()) || *metadata.level() <= Level::WARN
}

fn parse(filter: &str) -> Result<EnvFilter, FilterError> {
    for part in filter.split(',').map(str::trim) {
        // tracing-subscriber takes the text apart by bytes, and would panic on others (found by fuzzing `cli_arguments`).
        if !part.is_ascii() {
            let problem = "has characters beyond ASCII".to_owned();
            return Err(FilterError::Part { part: part.to_owned(), problem });
        }
        check(part).map_err(|problem| FilterError::Part { part: part.to_owned(), problem })?;
    }
    let refused = |error: tracing_subscriber::filter::ParseError| FilterError::Part {
        part: filter.to_owned(),
        problem: format!("is no filter ({error})"),
    };
    EnvFilter::builder().parse(filter).map_err(refused)
}

/// Names what the parser would take for a crate, though it is a mistake, and what the log must not hold.
fn check(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("is empty".to_owned());
    }
    let (target, level) = part.rsplit_once('=').map_or((part, None), |(target, level)| (target, Some(level)));
    let level = match level {
        None if LevelFilter::from_str(target).is_ok() => return Ok(()),
        None => LevelFilter::TRACE,
        Some(level) => LevelFilter::from_str(level).map_err(|_| format!("has no level '{level}'"))?,
    };
    match is_ours(target) || target.starts_with('[') || level <= LevelFilter::WARN {
        true => Ok(()),
        false if part == target => Err("is neither a level nor a crate of Tacita's".to_owned()),
        false => Err("is of a crate that prints addresses and headers below warn".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_beyond_ascii_are_refused_and_no_panic() {
        assert!(parse("\u{fffd}0\u{fffd}\u{fffd}z\u{fffd}.=").is_err());
    }

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    fn heard(format: LogFormat, filter: &str, tell: impl FnOnce(&LogFilter)) -> String {
        let written = Written::default();
        let writer = written.clone();
        let (log, handle) = LogFilter::log(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(log, || tell(&handle));
        written.text()
    }

    #[test]
    fn others_are_heard_from_warn_on_whatever_the_filter_says() {
        let text = heard(LogFormat::Text, "trace", |_| {
            tracing::trace!(target: "tacita_collector", "ours at trace");
            tracing::info!(target: "h2", "theirs at info");
            tracing::warn!(target: "h2", "theirs at warn");
        });
        assert!(text.contains("ours at trace") && text.contains("theirs at warn"), "{text}");
        assert!(!text.contains("theirs at info"), "{text}");
    }

    #[test]
    fn a_filter_is_replaced_while_the_log_goes_on() {
        let text = heard(LogFormat::Json, "warn", |filter| {
            tracing::debug!(target: "tacita_relay", "before");
            filter.set("info,tacita_relay=debug").unwrap();
            tracing::debug!(target: "tacita_relay", number = 7, "after");
            assert!(filter.set("debgu").is_err());
            assert_eq!(filter.text(), "info,tacita_relay=debug");
            tracing::debug!(target: "tacita_relay", "still");
        });
        assert!(!text.contains("before") && text.contains("still"), "{text}");
        assert!(text.lines().all(|line| line.starts_with('{')) && text.contains(r#""number":7"#), "{text}");
    }

    #[test]
    fn what_is_announced_is_written_whatever_the_filter_says() {
        let text = heard(LogFormat::Json, "off", |_| {
            tracing::info!(target: ANNOUNCEMENT, "announced");
            tracing::error!(target: "tacita_relay", "filtered");
        });
        assert!(text.contains("announced") && !text.contains("filtered"), "{text}");
    }

    #[test]
    fn a_filter_that_is_none_is_refused_with_the_reason() {
        for good in
            ["warn", "INFO", "info,tacita_collector=debug", "tacita_store", "h2=off,trace", "[call{id=7}]=trace"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("debgu", "neither a level nor"),
            ("info,,warn", "is empty"),
            ("", "is empty"),
            ("tacita_relay=loud", "no level 'loud'"),
            ("h2=trace", "addresses and headers"),
            ("hyper", "neither a level nor"),
            ("tacita_relay[=info", "is no filter"),
        ] {
            let refused = parse(bad).unwrap_err().to_string();
            assert!(refused.contains(reason) && refused.contains("for example"), "{bad}: {refused}");
        }
    }
}
