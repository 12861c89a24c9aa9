//! `tacita restore`: a collector's store out of a backup, closed to whatever was open when it was made.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use tacita_collector::{CollectorConfig, mark_restored};
use tacita_protocol::time::SystemClock;
use tacita_store::embedded::EmbeddedStore;

use crate::{backup::folder, configuration::own_folder};

/// Make a collector's store out of a backup. Before a collector starts on it.
///
/// The backup is verified first; a folder that holds a store is refused. What was counted since the backup is lost.
/// Nothing of the epochs that were open then, or published since, can count any more, as nobody knows what was spent:
/// they are closed, their secret keys destroyed, and the collector publishes new ones when it starts. Devices fetch new
/// tokens by themselves.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The backup's folder.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The collector's folder for state.
    #[arg(long, value_name = "FOLDER", default_value = "data/collector")]
    data: PathBuf,
    /// The folder of secret keys; DATA/keys without it. It must hold the signing key; all others are destroyed.
    #[arg(long, value_name = "FOLDER")]
    vault: Option<PathBuf>,
}

/// Verifies, makes and marks, and puts the store in its place as the last step.
pub(crate) async fn run(args: Args) -> Result<()> {
    let Args { from, data, vault } = args;
    let vault = vault.unwrap_or_else(|| data.join("keys"));
    let store = data.join("store");
    if store.exists() {
        bail!("'{}' holds a store already: name another folder with --data, or move that one away", data.display());
    }
    let manifest = folder::verify(&from)?;
    own_folder(&data)?;
    let unfinished = data.join("restoring");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot clear {}", unfinished.display()))?;
    }
    fs::create_dir_all(&unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
    let made = unfinished.join("store");
    let (schema, path) = (manifest.schema, made.clone());
    let parts = folder::parts(&from, &manifest);
    tokio::task::spawn_blocking(move || EmbeddedStore::restore(path, schema, parts)).await??;
    mark(CollectorConfig { vault, ..CollectorConfig::new(&unfinished) }).await?;
    fs::rename(&made, &store).with_context(|| format!("cannot make {}", store.display()))?;
    fs::remove_dir_all(&unfinished)?;
    File::open(&data)?.sync_all()?;
    println!("the store is in {}: start the collector", data.display());
    Ok(())
}

/// Makes a restored store fit for collectors, and says what that closes.
pub(crate) async fn mark(config: CollectorConfig) -> Result<()> {
    require_signing_key(&config.vault)?;
    let restored = mark_restored(&config, Arc::new(SystemClock)).await?;
    let closed: Vec<String> = restored.closed.iter().map(ToString::to_string).collect();
    match closed.is_empty() {
        true => println!("no epoch was open"),
        false => println!("closed: {}; what is sealed in them will not count", closed.join(", ")),
    }
    println!("{} secret keys were destroyed; the next epoch is {}", restored.keys_destroyed, restored.next_epoch);
    println!(
        "tell every publisher: `tacita relay verify` will call the record cut or rewritten (spec/operation.md, section 3.3)"
    );
    Ok(())
}

/// The vault would make a new one, which no publisher has pinned.
fn require_signing_key(vault: &Path) -> Result<()> {
    let signing = vault.join("signing");
    if signing.is_file() {
        return Ok(());
    }
    bail!(
        "'{}' is not there: put the signing key that publishers have pinned in its place (a backup holds none), and restore again",
        signing.display()
    )
}
