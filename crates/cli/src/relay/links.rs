//! `tacita relay links`: clicks on short links, from the files that a relay writes.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};
use tacita_relay::links::totals::{self, Platform};

use crate::table::Table;

/// Print the clicks on short links: by day (UTC), code and platform.
///
/// Robots, previews and HEAD requests are not among them. The relay may be at work meanwhile; its last second is missing.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The relay's folder for state; of several relays the clicks are added up.
    #[arg(value_name = "FOLDER", required = true)]
    data: Vec<PathBuf>,
    /// Print CSV instead of a table.
    #[arg(long)]
    csv: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut clicks: BTreeMap<_, BTreeMap<Platform, u64>> = BTreeMap::new();
    for folder in &args.data {
        let read = totals::read(folder);
        for total in read.with_context(|| format!("no short links were counted in {}", folder.display()))? {
            *clicks.entry((total.day, total.code)).or_default().entry(total.platform).or_default() += total.clicks;
        }
    }
    let heads: Vec<&str> =
        ["day", "code"].into_iter().chain(Platform::ALL.map(Platform::name)).chain(["all"]).collect();
    let rows = clicks.into_iter().map(|((day, code), by_platform)| {
        let counts = Platform::ALL.map(|platform| by_platform.get(&platform).copied().unwrap_or_default());
        let all = counts.iter().sum::<u64>();
        [day.to_string(), code].into_iter().chain(counts.map(|count| count.to_string())).chain([all.to_string()])
    });
    if args.csv {
        println!("{}", heads.join(","));
        rows.for_each(|row| println!("{}", row.collect::<Vec<_>>().join(",")));
    } else {
        let mut table = Table::new(&heads);
        rows.for_each(|row| table.row(row));
        table.print();
    }
    Ok(())
}
