//! `tacita relay verify`: whether what a relay sent was counted.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use tacita_protocol::{
    outcome::Outcome,
    time::{Clock as _, SystemClock},
};
use tacita_relay::receipts::{
    self,
    compare::{Compared, Comparison, compare},
    head,
};

use super::{ServerArgs, read};
use crate::{
    connect::Record,
    table::{Table, utc},
};

/// Check that what relays sent was counted: their receipts against the record that the collector publishes.
///
/// The record must be signed by the pinned key and go on from what was seen the last time. Every period and reason in
/// which it has less than the receipts is named, and every one in which it has more than lost answers explain; then the
/// exit code is 1. Relays may be at work meanwhile.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folders for state of all of the publisher's relays; `data` of the settings without one. The first remembers
    /// what was seen.
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Print every period, and not only those that differ.
    #[arg(long)]
    all: bool,
    /// As the relay has it: its collector, the signing key that it pins, its API key.
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(mut args: Args) -> Result<()> {
    // What else the relay needs may be missing here.
    let file = read(&mut args.server)?.unchecked()?;
    let folders = if args.folders.is_empty() { file.data.clone().into_iter().collect() } else { args.folders };
    let first = folders.first().context("no folder: give the relay's folder for state, or --config")?;
    // Otherwise a mistyped name would have no receipts, and nothing against it.
    for folder in &folders {
        ensure!(
            folder.is_dir(),
            "there is no folder '{}': name the relay's folder for state (its --data)",
            folder.display()
        );
    }
    let (collector, pinned) = (file.collector()?, file.pinned()?);
    let record = Record::fetch(&collector, file.collector_tls()?, &file.api_key()?, 0, &pinned).await?;
    let publisher = record.head.publisher;
    // After the record: all that was answered in its periods, and did not get lost, is kept by now.
    let read = |folder: &PathBuf| receipts::read(folder, publisher, &pinned);
    let kept = folders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let seen = head::read(first, publisher)?;
    let compared = compare(&record.entries, record.head.periods, &kept, SystemClock.now());
    print(&compared, args.all);
    head::verify(&record.entries, &record.head, seen.as_ref())?;
    head::write(first, &record.head)
        .with_context(|| format!("cannot remember what was seen in {}", first.display()))?;
    println!(
        "{} periods are closed, their entries chained and signed; head {}",
        record.head.periods,
        hex::encode(record.head.hash)
    );
    conclude(&compared)
}

fn print(compared: &Comparison, all: bool) {
    let mut totals: BTreeMap<Outcome, (u64, u64)> = BTreeMap::new();
    for row in &compared.rows {
        let (answered, recorded) = totals.entry(row.outcome).or_default();
        (*answered, *recorded) = (answered.saturating_add(row.answered), recorded.saturating_add(row.recorded));
    }
    let mut table = Table::new(&["outcome", "in receipts", "in the record"]);
    for (outcome, (answered, recorded)) in totals {
        table.row([outcome.name().to_owned(), answered.to_string(), recorded.to_string()]);
    }
    table.print();
    println!();
    let rows = if all { &compared.rows } else { &compared.differences };
    if !rows.is_empty() {
        let mut table = Table::new(&["period", "closed", "outcome", "in receipts", "in the record", ""]);
        for row in rows {
            let closed = row.closed_at.map_or("not in the record".to_owned(), |at| utc(at.0));
            let differs = compared.differences.contains(row);
            let [period, answered, recorded] =
                [row.period.0.into(), row.answered, row.recorded].map(|number: u64| number.to_string());
            let note = if differs { verdict(row) } else { "" };
            table.row([period, closed, row.outcome.name().to_owned(), answered, recorded, note.to_owned()]);
        }
        table.print();
        println!();
    }
}

fn verdict(row: &Compared) -> &'static str {
    if row.recorded < row.answered { "MISSING in the record" } else { "MORE than was answered or lost" }
}

fn conclude(compared: &Comparison) -> Result<()> {
    if compared.rows.is_empty() {
        println!("there are no receipts yet: nothing to compare");
        return Ok(());
    }
    if compared.still_open > 0 {
        println!("{} reports were answered in periods that are not closed yet", compared.still_open);
    }
    if compared.explained > 0 {
        println!(
            "{} reports stand in the record without a receipt: answers that were lost explain them",
            compared.explained
        );
    }
    ensure!(
        compared.differences.is_empty(),
        "{} differences: the collector's record is not what it answered; ask its operator, the receipts are signed by its key",
        compared.differences.len()
    );
    println!("what was sent was counted");
    Ok(())
}
