//! `TransparencyService`: what became of a publisher's reports, for its relay to check.

use std::sync::Arc;

use tacita_proto::v1::{self, transparency_service_server::TransparencyService};
use tacita_protocol::{id::PublisherId, record::PeriodId};
use tonic::{Request, Response, Status};

use crate::{
    catalogue::{Catalogue, Principal},
    guard::Caller,
    record::{PAGE, Record, RecordFault},
    refusal,
    registry::Registry,
};

#[derive(Debug)]
pub(crate) struct Transparency {
    pub(crate) registry: Arc<Registry>,
    pub(crate) record: Arc<Record>,
}

impl From<RecordFault> for Status {
    fn from(fault: RecordFault) -> Self {
        match fault {
            RecordFault::Store(error) => refusal::store(error),
            fault => refusal::internal(fault),
        }
    }
}

/// Whose record is asked for: a publisher's own, or one that whoever may see all of them names.
fn subject(catalogue: &Catalogue, caller: Principal, asked: u32) -> Result<PublisherId, Status> {
    match caller {
        Principal::Publisher(own) if asked == 0 || asked == own.0 => Ok(own),
        Principal::Publisher(own) => {
            let message = format!("this key is publisher {own}'s, the request is for publisher {asked}'s record");
            Err(refusal::permission_denied("WRONG_PUBLISHER", message))
        }
        _ if asked == 0 => Err(refusal::invalid("publisher", "name the publisher by its number")),
        _ => {
            let known = catalogue.publisher(PublisherId(asked)).map(|publisher| publisher.id);
            known.ok_or_else(|| refusal::not_found("UNKNOWN_REFERENCE", format!("there is no publisher {asked}")))
        }
    }
}

#[tonic::async_trait]
impl TransparencyService for Transparency {
    async fn list_record(
        &self,
        request: Request<v1::ListRecordRequest>,
    ) -> Result<Response<v1::ListRecordResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let caller = Caller::of(&request)?.principal;
        let v1::ListRecordRequest { publisher, from_period, page_size } = request.into_inner();
        let publisher = subject(&catalogue, caller, publisher)?;
        let most = match page_size as usize {
            0 => PAGE,
            asked => asked.min(PAGE),
        };
        Ok(Response::new(self.record.page(publisher, PeriodId(from_period), most).await?))
    }
}
