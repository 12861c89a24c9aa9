//! `tacita check-config`: what a server would be told, and all that is wrong with it.

use anyhow::Result;

use crate::{
    collector,
    configuration::{Loaded, Settings},
    relay,
    table::Table,
};

/// Print the settings that a server would have, each with where it comes from; nothing is started.
///
/// Takes the server's own flags, its file and its environment. Every problem is named, not only the first, and the exit
/// code is 1 then. No password or key is printed.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum Server {
    /// The settings of `tacita collector`.
    Collector(collector::Args),
    /// The settings of `tacita relay`.
    Relay(relay::ServerArgs),
}

/// Prints and judges.
pub(crate) fn run(args: Args) -> Result<()> {
    match args.server {
        Server::Collector(args) => report(collector::loaded(args)?),
        Server::Relay(args) => report(relay::loaded(args)?),
    }
}

fn report(loaded: Loaded<impl Settings>) -> Result<()> {
    let mut table = Table::new(&["setting", "value", "from"]);
    loaded.rows()?.into_iter().for_each(|row| table.row(row));
    table.print();
    loaded.checked()?.1.say();
    println!("no problem was found");
    Ok(())
}
