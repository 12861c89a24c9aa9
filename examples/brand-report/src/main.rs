//! Prints a brand's report.
//!
//! ```sh
//! tacita demo --serve        # prints the collector's address and the brand's key
//! cargo run -p example-brand-report -- --collector URL --key KEY acme/spring
//! ```

use anyhow::Result;
use clap::Parser;
use example_brand_report::report;

/// Print how a campaign was shared.
#[derive(Parser)]
struct Args {
    /// The collector's address.
    #[arg(long)]
    collector: String,
    /// The brand's API key.
    #[arg(long)]
    key: String,
    /// BRAND/CAMPAIGN.
    campaign: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Args { collector, key, campaign } = Args::parse();
    report(collector, &key, campaign, &mut std::io::stdout()).await
}
