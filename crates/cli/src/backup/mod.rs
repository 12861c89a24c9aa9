//! `tacita backup`: a running collector's state in a folder.

pub(crate) mod folder;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tacita_proto::v1::{self, backup_response::Content};

use self::folder::{Manifest, Writer};
use crate::connect::{CollectorArgs, refused};

/// The largest part: a measure's list of contents is one row.
const PART_BYTES: usize = 64 << 20;

/// Copy a running collector's state into a folder, as it is at one instant.
///
/// Counts, catalogue and change log are in it; secret keys are not, and neither is what was spent: a restored store
/// closes its epochs. Keep a copy of the vault's file `signing` apart, once and somewhere safe. `tacita restore` makes
/// a store of a backup.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    word: Option<Word>,
    #[command(flatten)]
    make: Make,
}

#[derive(clap::Subcommand)]
enum Word {
    /// Check that a backup is whole: its files, their hashes, their rows, and the chain of its change log.
    Verify {
        /// The backup's folder.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

#[derive(clap::Args)]
struct Make {
    /// The folder to make; it must not hold anything.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    #[command(flatten)]
    collector: CollectorArgs,
}

/// Makes or verifies one.
pub(crate) async fn run(args: Args) -> Result<()> {
    match args.word {
        Some(Word::Verify { folder }) => say(&folder, &folder::verify(&folder)?),
        None => {
            let to = args.make.to.context("name a folder with --to FOLDER")?;
            say(&to, &make(&to, &args.make.collector).await?)
        }
    }
}

fn say(folder: &Path, manifest: &Manifest) -> Result<()> {
    let at = jiff::Timestamp::from_second(i64::try_from(manifest.taken_at)?)?;
    println!(
        "{}: whole, of {at}; {} entries of the change log, {} rows",
        folder.display(),
        manifest.log_length,
        manifest.rows
    );
    Ok(())
}

async fn make(to: &Path, collector: &CollectorArgs) -> Result<Manifest> {
    let mut writer = Writer::begin(to)?;
    let mut admin = collector.admin().await?.max_decoding_message_size(PART_BYTES);
    let mut parts = admin.backup(v1::BackupRequest {}).await.map_err(refused)?.into_inner();
    let mut cut = None;
    while let Some(response) = parts.message().await.map_err(refused)? {
        match response.content {
            Some(Content::Part(part)) if cut.is_none() => writer.add(&part.table, &part.rows)?,
            Some(Content::Cut(last)) if cut.is_none() => cut = Some(last),
            _ => bail!("the server sent what is no backup: is it a Tacita collector of this version?"),
        }
    }
    writer.finish(cut.context("the collector ended the backup before it was whole: make it again")?)
}
