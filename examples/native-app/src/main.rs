//! Starts the app on the terminal.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use example_native_app::{Settings, run};
use tacita_client::VerifyingKey;

/// A reading app for the terminal: three articles, and what a reader does with them.
#[derive(Parser)]
struct Args {
    /// The publisher's relay.
    #[arg(long, value_name = "URL")]
    relay: String,
    /// The publisher's number.
    #[arg(long, value_name = "NUMBER")]
    publisher: u32,
    /// The collector's signing key, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    signing_key: String,
    /// Where the app keeps its wallet, ledger and outbox.
    #[arg(long, value_name = "FILE", default_value = "native-app.redb")]
    storage: PathBuf,
    /// The link that opened the app, if one did.
    #[arg(long, value_name = "URL")]
    link: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Args { relay, publisher, signing_key, storage, link } = Args::parse();
    let key = hex::decode(&signing_key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = key.context("--signing-key: give 64 hexadecimal digits, as `tacita status` prints them")?;
    let signing_key = VerifyingKey::from_bytes(&key).context("--signing-key: this is no Ed25519 public key")?;
    let settings = Settings { relay, publisher, signing_key, storage, link };
    run(settings, std::io::stdin().lock(), &mut std::io::stdout()).await
}
