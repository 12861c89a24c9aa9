//! `AuditService`: the log as it lies in the store.

use std::sync::Arc;

use tacita_proto::v1::{self, audit_service_server::AuditService};
use tacita_protocol::audit::Head;
use tonic::{Request, Response, Status};

use crate::{
    catalogue::entry::{is_whole, is_withheld, parts},
    guard::Caller,
    page_size, refusal,
    registry::Registry,
};

/// A page ends once it is so long: well below what clients take in one message.
const PAGE_BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) registry: Arc<Registry>,
}

/// What is shown of an entry.
fn shown(index: u64, entry: &[u8]) -> v1::AuditEntry {
    let (public, private) = parts(entry);
    v1::AuditEntry {
        index,
        entry: if is_withheld(public) { Vec::new() } else { public.to_vec() },
        digest: Head::of_entry(public).0.to_vec(),
        private_part_altered: !is_whole(public, private),
    }
}

#[tonic::async_trait]
impl AuditService for Audit {
    async fn get_audit_head(
        &self,
        _: Request<v1::GetAuditHeadRequest>,
    ) -> Result<Response<v1::GetAuditHeadResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let (length, head) = (catalogue.length(), catalogue.head().0.to_vec());
        Ok(Response::new(v1::GetAuditHeadResponse { length, head }))
    }

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Result<Response<v1::ListAuditEntriesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::ListAuditEntriesRequest { from, page_size } = request.into_inner();
        let size = page_size::of(page_size)?;
        let stored = self.registry.stored(from).await.map_err(refusal::store)?;
        if from == 0 {
            tracing::info!(by = ?caller, "the audit log is read");
        }
        let mut bytes = 0;
        let fits = |entry: &v1::AuditEntry| {
            let fits = bytes < PAGE_BYTES;
            bytes += entry.entry.len();
            fits
        };
        let entries: Vec<_> =
            (from..).zip(&stored).take(size).map(|(index, entry)| shown(index, entry)).take_while(fits).collect();
        let more = entries.len() < stored.len();
        Ok(Response::new(v1::ListAuditEntriesResponse { entries, more }))
    }
}
