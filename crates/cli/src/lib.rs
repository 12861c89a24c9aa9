//! `tacita`: one binary for every party. The library holds the whole command, so that `fuzz/` can drive its readers; it
//! is no interface.
//!
//! A file for each subcommand; what several of them need is in `configuration`, `connect`, `contents`, `logs`, `settings`,
//! `table`, `tls` and `simulation`.

mod admin;
mod audit;
mod backup;
mod bench;
mod check_config;
mod collector;
mod configuration;
mod connect;
mod contents;
mod demo;
#[cfg(test)]
mod documented;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod logs;
mod plan;
mod privacy;
mod relay;
mod replay;
mod report;
mod restore;
mod settings;
mod simulate;
mod simulation;
mod status;
mod store;
mod table;
mod tls;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures links shared in private, in totals with error bars; no event can be tied to a person.
///
/// Start with `tacita demo`: it runs every party on this machine and prints a brand's report.
#[derive(Parser)]
#[command(name = "tacita", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Collector(collector::Args),
    CheckConfig(check_config::Args),
    Store(store::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Relay(relay::Args),
    Status(status::Args),
    Admin(admin::Args),
    Audit(audit::Args),
    Keys(keys::Args),
    Report(report::Args),
    Watch(watch::Args),
    Plan(plan::Args),
    Privacy(privacy::Args),
    Simulate(simulate::Args),
    Replay(replay::Args),
    Bench(bench::Args),
}

/// Does what the command line says.
#[tokio::main]
pub async fn run() -> ExitCode {
    leave_quietly_when_nobody_reads();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let outcome = match cli.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Collector(args) => collector::run(args).await,
        Command::CheckConfig(args) => check_config::run(args),
        Command::Relay(args) => relay::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Admin(args) => admin::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Report(args) => report::run(args).await,
        Command::Store(args) => store::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => restore::run(args).await,
        Command::Watch(args) => watch::run(args).await,
        Command::Plan(args) => plan::run(args),
        Command::Privacy(args) => privacy::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Bench(args) => bench::run(args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref() {
                Some(configuration::Problems(all)) => all.iter().for_each(|problem| logs::announce_error(problem)),
                None => logs::announce_error(&one_line(&error)),
            }
            ExitCode::FAILURE
        }
    }
}

/// `tacita report | head` closes its end early: that is no fault, and not worth a word.
fn leave_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|said| said.starts_with("failed printing to stdout: Broken pipe")) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Help as it is; a mistake on one line, with where to look.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let what = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    match what.starts_with("error:") {
        true => eprintln!("{what}; {}", tip.unwrap_or("`--help` tells more")),
        // A command without arguments asks for its help.
        false => eprint!("{text}"),
    }
    ExitCode::from(2)
}

/// The error and its causes on one line, each said once.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !line.contains(&text) {
            line = if line.is_empty() { text } else { format!("{line}: {text}") };
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_error_is_one_line_that_says_each_cause_once() {
        let cause = Err::<(), _>(anyhow::anyhow!("line 3:\n  expected a number")).context("map.toml");
        let error = cause.context("map.toml").unwrap_err();
        assert_eq!(one_line(&error), "map.toml: line 3: expected a number");
    }
}
