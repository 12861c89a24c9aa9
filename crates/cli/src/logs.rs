//! How a server's log is written, and how its filter is replaced while it runs (`spec/observability.md`).

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tacita_observability::{
    LogFilter, LogFormat,
    logs::{ANNOUNCEMENT, DEFAULT},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    configuration::{ConfigArgs, Misfit},
    settings::read_toml,
};

/// The log of a server, as its flags say.
#[derive(clap::Args)]
pub(crate) struct LogArgs {
    /// How a line of the log is written: for people, or as JSON (or TACITA_LOG_FORMAT).
    #[arg(long, value_enum, value_name = "text|json")]
    log_format: Option<FormatArg>,
    /// What is logged: levels and CRATE=LEVEL, for example info,tacita_relay=debug (or TACITA_LOG). Crates that are not
    /// Tacita's are heard from warn on only.
    #[arg(long = "log", value_name = "FILTER")]
    filter: Option<String>,
}

/// The same in the file of settings, `[log]`.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct LogFile {
    pub(crate) format: Option<FormatArg>,
    pub(crate) filter: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FormatArg {
    Text,
    Json,
}

impl From<FormatArg> for LogFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Text => Self::Text,
            FormatArg::Json => Self::Json,
        }
    }
}

impl LogArgs {
    /// Says it as settings.
    pub(crate) fn set(&self, config: &mut ConfigArgs) {
        let format = self.log_format.and_then(|format| format.to_possible_value());
        if let Some(format) = format {
            config.set("--log-format", "log.format", format.get_name());
        }
        if let Some(filter) = &self.filter {
            config.set("--log", "log.filter", filter);
        }
    }
}

impl LogFile {
    /// What is wrong with it.
    pub(crate) fn misfit(&self) -> Option<Misfit> {
        let refused = LogFilter::check(self.filter.as_deref().unwrap_or(DEFAULT)).err()?;
        Some(Misfit::new("log.filter", refused.to_string()))
    }
}

/// Whether this process says everything as JSON, once its log has begun.
static SPEAKS_JSON: AtomicBool = AtomicBool::new(false);

/// Logs to standard error, as the settings say.
pub(crate) fn start(log: &LogFile) -> Result<LogFilter> {
    let format = log.format.map_or_else(LogFormat::default, LogFormat::from);
    let filter = LogFilter::to_stderr(format, log.filter.as_deref().unwrap_or(DEFAULT))?;
    SPEAKS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    Ok(filter)
}

/// Says on standard error what whoever started the process is to see, whatever the log's filter: a plain line, or one
/// of the log where that is JSON, which a plain line would break for its reader.
pub(crate) fn announce(text: &str) {
    match SPEAKS_JSON.load(Ordering::Relaxed) {
        true => tracing::info!(target: ANNOUNCEMENT, "{text}"),
        false => eprintln!("{text}"),
    }
}

/// The same of what ends the process.
pub(crate) fn announce_error(text: &str) {
    match SPEAKS_JSON.load(Ordering::Relaxed) {
        true => tracing::error!(target: ANNOUNCEMENT, "{text}"),
        false => eprintln!("error: {text}"),
    }
}

/// The log of a command that ends by itself.
pub(crate) fn start_for_command() -> Result<()> {
    let filter = std::env::var("TACITA_LOG").unwrap_or_else(|_| DEFAULT.to_owned());
    LogFilter::to_stderr(LogFormat::Text, &filter)?;
    Ok(())
}

/// Reads the filter anew from the file of settings at each SIGHUP, until the process ends. What the file says then goes
/// before flags and environment, which nobody can change in a process that runs.
pub(crate) fn follow_hangups(log: LogFilter, config: Option<PathBuf>) -> Result<()> {
    /// The rest of the file is not looked at: nothing else changes while a server runs.
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct OnlyLog {
        log: LogFile,
    }

    let mut hangups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let read = config.as_deref().map(read_toml::<OnlyLog>);
            let filter = match read {
                None => Err("there is no file of settings: start with --config".to_owned()),
                Some(Err(error)) => Err(error.to_string()),
                Some(Ok(file)) => Ok(file.log.filter.unwrap_or_else(|| DEFAULT.to_owned())),
            };
            match filter.and_then(|filter| log.set(&filter).map(|()| filter).map_err(|error| error.to_string())) {
                Ok(filter) => tracing::warn!(filter, "SIGHUP: the log's filter was read anew"),
                Err(problem) => tracing::error!(problem, "SIGHUP: the log's filter stays"),
            }
        }
    });
    Ok(())
}
