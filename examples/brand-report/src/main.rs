//! A brand asks how its campaign was shared: plain gRPC, no Tacita crate but the generated messages.
//!
//! ```sh
//! tacita demo --serve        # prints the collector's address and the brand's key
//! cargo run -p example-brand-report -- --collector URL --key KEY acme/spring
//! ```

use anyhow::Result;
use clap::Parser;
use tacita_proto::v1::{GetReportRequest, reporting_service_client::ReportingServiceClient};
use tonic::{Request, metadata::MetadataValue};

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
    let args = Args::parse();
    let mut reporting = ReportingServiceClient::connect(args.collector).await?;
    let mut request = Request::new(GetReportRequest { campaign: args.campaign, ..Default::default() });
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {}", args.key))?);

    for measure in reporting.get_report(request).await?.into_inner().measures {
        let name = measure.measure.map_or_else(String::new, |measure| measure.name);
        println!("{name}: {} reports", measure.reports);
        for cell in measure.cells.iter().filter(|cell| cell.above_zero) {
            println!("  {:<24} {:>8.0}  ({:.0} to {:.0})", cell.labels.join(", "), cell.estimate, cell.low, cell.high);
        }
    }
    Ok(())
}
