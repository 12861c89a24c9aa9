//! Submissions that would be answered late, refused by their heads before anything else is done with them.
//!
//! In a flood refusals are nearly all that a relay does, and what one costs is what is left for the others. So the
//! answer is written once, and no layer but the counting stands before it.

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tacita_observability::Ending;
use tacita_proto::SUBMIT_REPORTS;
use tonic::transport::server::TcpConnectInfo;

use super::{Origins, media_type};
use crate::{submissions::Submissions, visitor::TrustedProxies};

const GRPC_WEB: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");

/// Room for what is the same for all, the media type, and the date: a larger map costs more than all that is in it.
const HEADERS: usize = 6;

/// The answer to a submission where there is no room for it.
pub(super) struct Busy {
    submissions: Submissions,
    proxies: TrustedProxies,
    origins: Origins,
    told: Vec<(HeaderName, HeaderValue)>,
    ending: Option<Ending>,
}

impl Busy {
    pub(super) fn new(submissions: Submissions, proxies: TrustedProxies, origins: Origins) -> Self {
        let answer = submissions.refusal().into_http::<()>();
        let ending = Ending::of(&answer);
        let told = answer.headers().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { submissions, proxies, origins, told, ending }
    }

    /// `None` where the request goes on: there is room, or it is no submission.
    pub(super) fn refuse(&self, request: &Request) -> Option<Response> {
        if request.uri().path() != SUBMIT_REPORTS {
            return None;
        }
        let (peer, media) =
            (request.extensions().get::<TcpConnectInfo>()?.remote_addr()?, answered_as(request.headers())?);
        if self.submissions.has_room(self.proxies.visitor(peer, request.headers())) {
            return None;
        }
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.extend(self.told.iter().cloned());
        headers.insert(header::CONTENT_TYPE, media);
        self.origins.expose(request.headers(), &mut headers);
        let mut answer = Response::default();
        *answer.headers_mut() = headers;
        if let Some(ending) = self.ending.clone() {
            answer.extensions_mut().insert(ending);
        }
        Some(answer)
    }
}

/// The media type of the answer to a submission. It has its status in the headers and no body: gRPC and both kinds of
/// gRPC-Web read it.
fn answered_as(headers: &HeaderMap) -> Option<HeaderValue> {
    match media_type(headers)? {
        media if media.starts_with("application/grpc") => media.try_into().ok(),
        media if media == "text/plain" => Some(GRPC_WEB),
        _ => None,
    }
}
