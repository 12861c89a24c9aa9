//! A brand asks how its campaign was shared: plain gRPC, no Tacita crate but the generated messages.
//!
//! ```sh
//! tacita demo --serve        # prints the collector's address and the brand's key
//! cargo run -p example-brand-report -- --collector URL --key KEY acme/spring
//! ```

use anyhow::Result;
use clap::Parser;
use tacita_proto::v1::{Query, QueryRequest, reporting_service_client::ReportingServiceClient};
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
    // Every measure that tells channels apart, all windows together.
    let query = Query { campaign: args.campaign, group_by: vec!["channel".into()], ..Default::default() };
    let mut request = Request::new(QueryRequest { query: Some(query), ..Default::default() });
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {}", args.key))?);

    let answer = reporting.query(request).await?.into_inner();
    for about in answer.measures {
        let name = about.measure.map_or_else(String::new, |measure| measure.name);
        println!("{name}: {} reports", about.reports);
        for row in answer.rows.iter().filter(|row| row.measure == name) {
            let estimate = row.estimate.unwrap_or_default();
            if estimate.above_zero {
                let (value, low, high) = (estimate.value, estimate.low, estimate.high);
                println!("  {:<24} {value:>8.0}  ({low:.0} to {high:.0})", row.labels.join(", "));
            }
        }
    }
    Ok(())
}
