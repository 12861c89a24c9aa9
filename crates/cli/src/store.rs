//! `tacita store`: where the collector's state lives, and preparing a database for it.

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::{Deserialize, Serialize, Serializer};
use tacita_collector::{CollectorConfig, StoreConfig};
use tacita_store::{PostgresStore, PostgresUrl};

use crate::restore;

/// Prepare a database for the collector's state, at first and after restoring one.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Store,
}

#[derive(Subcommand)]
enum Store {
    Init(Init),
    Restored(Restored),
}

/// Make a store fit for collectors again that was restored to an earlier instant by other tools: a database from a
/// dump, a volume from a snapshot. Before any of them starts.
///
/// What was spent since then is forgotten, so nothing of the epochs that were open may count any more: they are closed,
/// their secret keys destroyed, and new ones follow. Without this, tokens of the time that is lost could count twice.
#[derive(clap::Args)]
struct Restored {
    /// `embedded`, or the database: postgresql://USER:PASSWORD@HOST:PORT/DATABASE. The environment shows a password to
    /// fewer than the command line.
    #[arg(value_name = "embedded|URL", env = "TACITA_COLLECTOR__STORE", hide_env_values = true)]
    store: StoreText,
    /// The collector's folder for state.
    #[arg(long, value_name = "FOLDER", default_value = "data/collector")]
    data: PathBuf,
    /// The folder of secret keys; DATA/keys without it. All but the signing key are destroyed.
    #[arg(long, value_name = "FOLDER")]
    vault: Option<PathBuf>,
}

/// Make the tables in a PostgreSQL database, or bring them up to this version.
///
/// Once for each database and version, before its collectors start. Doing it again changes nothing.
#[derive(clap::Args)]
struct Init {
    /// The database: postgresql://USER:PASSWORD@HOST:PORT/DATABASE. The environment shows a password to fewer than the
    /// command line.
    #[arg(value_name = "URL", env = "TACITA_COLLECTOR__STORE", hide_env_values = true)]
    url: StoreText,
    /// Spread the tables over the nodes of a Citus cluster, whose coordinator the URL names.
    #[arg(long)]
    distributed: bool,
}

/// What was given as a store, as it was given. It may hold a password, so nothing prints it: clap would, in its
/// complaint about a text that does not parse, and so it is parsed later.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoreText(String);

impl FromStr for StoreText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// A URL without its password.
impl Serialize for StoreText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.url() {
            Ok(url) => serializer.collect_str(&url),
            Err(_) => serializer.serialize_str(if self.0.trim() == "embedded" { "embedded" } else { "(not shown)" }),
        }
    }
}

impl StoreText {
    /// The engine that it names.
    pub(crate) fn engine(&self) -> Result<StoreConfig> {
        match self.0.trim() {
            "embedded" => Ok(StoreConfig::Embedded),
            url => {
                let url = url.parse().context("store: write 'embedded', or the URL of a PostgreSQL database")?;
                Ok(StoreConfig::Postgres(url))
            }
        }
    }

    /// Whether it is `postgres`, by which a benchmark means a server for itself.
    pub(crate) fn is_a_server_of_our_own(&self) -> bool {
        self.0.trim() == "postgres"
    }

    /// The text, for a process of our own that is to have it.
    pub(crate) fn reveal(&self) -> &str {
        self.0.trim()
    }

    fn url(&self) -> Result<PostgresUrl> {
        Ok(self.0.trim().parse()?)
    }
}

/// What a collector says of its store.
pub(crate) fn described(store: &StoreConfig, data: &std::path::Path) -> String {
    match store {
        StoreConfig::Embedded => data.display().to_string(),
        StoreConfig::Postgres(url) => url.to_string(),
    }
}

/// Runs one of the commands.
pub(crate) async fn run(args: Args) -> Result<()> {
    crate::logs::start_for_command()?;
    let Init { url, distributed } = match args.command {
        Store::Init(init) => init,
        Store::Restored(Restored { store, data, vault }) => {
            let mut config = CollectorConfig::new(data);
            config.store = store.engine()?;
            config.vault = vault.unwrap_or(config.vault);
            return restore::mark(config).await;
        }
    };
    let url = url.url()?;
    PostgresStore::init(&url, distributed).await.with_context(|| format!("the database {url} was not prepared"))?;
    println!("{url} is ready for collectors{}", if distributed { ", its tables spread over the cluster" } else { "" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_the_embedded_one_or_a_url_and_no_complaint_repeats_it() {
        let engine = |text: &str| text.parse::<StoreText>().unwrap().engine();
        assert_eq!(engine("embedded").unwrap(), StoreConfig::Embedded);
        assert!(matches!(engine("postgresql://u:s3cret@db/x").unwrap(), StoreConfig::Postgres(_)));
        for wrong in ["sqlite", "postgresql://u:s3cret@db:port/x", "host=db password=s3cret"] {
            let refused = format!("{:#}", engine(wrong).unwrap_err());
            assert!(refused.contains("'embedded'") && refused.contains("postgresql://USER"), "{refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
