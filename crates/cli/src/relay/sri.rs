//! `tacita relay sri`: what a page writes to embed the SDK, before any relay runs.

use std::path::PathBuf;

use anyhow::Result;
use tacita_relay::sdk::Sdk;

use crate::table::Table;

/// Print the script element for a build of the SDK, and the integrity hash of each of its files.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder of the SDK's build.
    #[arg(value_name = "FOLDER", default_value = "web/sdk/dist")]
    folder: PathBuf,
    /// The publisher's number.
    #[arg(long, value_name = "NUMBER", env = "TACITA_PUBLISHER")]
    publisher: Option<u32>,
    /// The collector's signing key, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", env = "TACITA_SIGNING_KEY")]
    signing_key: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let sdk = Sdk::read(&args.folder)?;
    let publisher = args.publisher.map_or_else(|| "NUMBER".to_owned(), |number| number.to_string());
    println!("{}\n", script_element(&sdk, &publisher, args.signing_key.as_deref().unwrap_or("HEX")));
    let mut table = Table::new(&["file", "bytes", "gz", "integrity"]);
    for file in sdk.files() {
        let sizes = [file.bytes.len(), file.gzip.len()].map(|size| size.to_string());
        table.row([file.name.clone()].into_iter().chain(sizes).chain([file.integrity.clone()]));
    }
    table.print();
    Ok(())
}

/// What a page on the relay's own origin writes; on another, the relay's origin goes before `/tacita`.
pub(super) fn script_element(sdk: &Sdk, publisher: &str, key: &str) -> String {
    let (path, integrity) = sdk.core().map(|core| (sdk.path_of(core), core.integrity.clone())).unwrap_or_default();
    format!(
        "<script defer src=\"{path}\" integrity=\"{integrity}\" crossorigin=\"anonymous\" \
         data-publisher=\"{publisher}\" data-key=\"{key}\"></script>"
    )
}
