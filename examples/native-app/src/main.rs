//! A reading app, as small as can be: it is opened by a link, its reader shares the article, it is closed.
//!
//! ```sh
//! tacita demo --serve        # prints the relay's address, the publisher's number and the signing key
//! cargo run -p example-native-app -- --relay URL --publisher 1 --signing-key HEX
//! ```

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use clap::Parser;
use tacita_client::{Device, DeviceConfig, FileStorage, GrpcTransport, VerifyingKey, Visit};
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    channel::Channel,
    id::PublisherId,
    time::SystemClock,
};

#[derive(Parser)]
struct Args {
    /// The publisher's relay.
    #[arg(long)]
    relay: String,
    /// The publisher's number.
    #[arg(long)]
    publisher: u32,
    /// The collector's signing key, 64 hexadecimal digits.
    #[arg(long)]
    signing_key: String,
    /// Where the app keeps its wallet, ledger and outbox.
    #[arg(long, default_value = "native-app.redb")]
    storage: PathBuf,
    /// The link that opened the app.
    #[arg(long, default_value = "https://news.example/science/comet")]
    link: String,
    /// Where the reader shares the article to.
    #[arg(long, default_value = "whatsapp")]
    share: Channel,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let key = hex::decode(&args.signing_key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = VerifyingKey::from_bytes(&key.context("the signing key has 64 hexadecimal digits")?)?;
    let config = DeviceConfig::new(PublisherId(args.publisher), key);

    let transport = GrpcTransport::connect(&args.relay)?;
    let device = Device::open(config, FileStorage::open(&args.storage)?, transport, Arc::new(SystemClock))?;
    device.refresh().await?;

    let evidence = Evidence {
        url: &args.link,
        referrer: "",
        user_agent: "",
        navigation: Navigation::Navigate,
        landing_pages: &[],
    };
    let Visit::Person(session) = device.begin_session(&evidence)? else { return Ok(()) };
    println!("opened by {} ({})", session.arrival().channel, session.arrival().grade.name());
    for shared in session.share(args.share)?.links {
        println!("campaign {}: share {}", shared.campaign, shared.link);
    }
    session.close()?;

    let summary = device.flush().await;
    println!("{} reports are with the relay, {} wait", summary.delivered(), summary.left);
    for line in device.ledger() {
        println!(
            "brand {} has had {} of {} µε in epoch {}",
            line.brand, line.spent_micro, line.bound_micro, line.epoch
        );
    }
    Ok(())
}
