//! A brand asks how its campaign was shared: plain gRPC, no Tacita crate but the generated messages.

use std::io::Write;

use anyhow::Result;
use tacita_proto::v1::{Query, QueryRequest, reporting_service_client::ReportingServiceClient};
use tonic::{Request, metadata::MetadataValue};

/// Writes every total by channel that can be told from zero: all measures that tell channels apart, all windows together.
pub async fn report(collector: String, key: &str, campaign: String, out: &mut impl Write) -> Result<()> {
    let mut reporting = ReportingServiceClient::connect(collector).await?;
    let query = Query { campaign, group_by: vec!["channel".into()], ..Default::default() };
    let mut request = Request::new(QueryRequest { query: Some(query), ..Default::default() });
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {key}"))?);

    let answer = reporting.query(request).await?.into_inner();
    for about in answer.measures {
        let name = about.measure.map_or_else(String::new, |measure| measure.name);
        writeln!(out, "{name}: {} reports", about.reports)?;
        for row in answer.rows.iter().filter(|row| row.measure == name) {
            let estimate = row.estimate.unwrap_or_default();
            if estimate.above_zero {
                let (value, low, high) = (estimate.value, estimate.low, estimate.high);
                writeln!(out, "  {:<24} {value:>8.0}  ({low:.0} to {high:.0})", row.labels.join(", "))?;
            }
        }
    }
    Ok(())
}
