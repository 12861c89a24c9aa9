//! How many envelopes are in work between a request's admission and the answer after its fsync: as many as get through in the time that
//! the settings give them. What comes beyond is refused by the head of its request.

use std::{sync::Arc, time::Duration};

use http::Request;
use tacita_admission::{Admission, InWork, Leave};
use tonic::{Code, Status, transport::server::TcpConnectInfo};

use crate::{
    refusal::Limit,
    visitor::{TrustedProxies, Visitor},
};

/// So many may be in work at any pace: where an fsync takes a tenth of a second, groups of them still make 20,000 durable in a second.
const LEAST: usize = 2_048;

const SUBMIT: &str = "/tacita.v1.CollectionService/SubmitReports";

/// Whose envelopes are in work.
#[derive(Clone)]
pub(crate) struct Submissions {
    admission: Admission<Visitor>,
    limit: Limit,
}

impl Submissions {
    /// Envelopes are to be answered in so many milliseconds.
    pub(crate) fn new(millis: u64) -> Self {
        let limit = Limit::new("requests.submit-millis", millis);
        Self { admission: Admission::new(Duration::from_millis(millis), LEAST), limit }
    }

    /// Leave to make envelopes durable; or the refusal.
    pub(crate) fn enter(&self, visitor: Visitor, envelopes: usize) -> Result<Leave<Visitor>, Status> {
        self.admission.enter(&visitor, envelopes).ok_or_else(|| self.refusal())
    }

    /// The check of a request's head.
    pub(crate) fn door<B>(
        &self,
        proxies: TrustedProxies,
    ) -> impl Fn(&Request<B>) -> Result<(), Status> + Clone + Send + Sync + use<B> {
        let (this, proxies) = (self.clone(), Arc::new(proxies));
        move |request| {
            let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
            match peer {
                Some(peer) if request.uri().path() == SUBMIT => {
                    match this.admission.has_room(&proxies.visitor(peer, request.headers())) {
                        true => Ok(()),
                        false => Err(this.refusal()),
                    }
                }
                _ => Ok(()),
            }
        }
    }

    /// For the metrics.
    pub(crate) fn in_work(&self) -> InWork {
        self.admission.in_work()
    }

    fn refusal(&self) -> Status {
        let told =
            format!("the relay is busy, and answers in {} ms: keep the reports and try again later", self.limit.value);
        self.limit.refuse(Code::ResourceExhausted, told)
    }
}
