//! The network between the parties: messages that are lost, cut, doubled, late. Every message is the real one, encoded
//! and decoded.

use std::{collections::VecDeque, convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use parking_lot::Mutex;
use prost::Message as _;
use tacita_proto::v1;
use tacita_protocol::manifest::Manifest;
use tokio_stream::StreamExt as _;
use tonic::{Status, body::Body, transport::server::TcpConnectInfo};
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

use super::{dice::Faults, oracle::Oracle};

pub(crate) type Line = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>;

/// Where a server can be reached while it is up.
pub(crate) type Slot = Arc<Mutex<Option<Line>>>;

/// A message that arrives after its sender has given it up.
type Late = (usize, http::Request<Bytes>);

/// What all lines share.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) faults: Faults,
    pub(crate) oracle: Arc<Mutex<Oracle>>,
    pub(crate) relays: Vec<Slot>,
    pub(crate) collectors: Vec<Slot>,
    late: Arc<Mutex<VecDeque<Late>>>,
}

fn lost<T>() -> Result<T, Status> {
    Err(Status::unavailable("simulated: lost"))
}

fn server(slot: &Slot) -> Result<Line, Status> {
    slot.lock().clone().ok_or_else(|| Status::unavailable("simulated: down"))
}

/// A server's service as a line.
pub(crate) fn line_to<S, B>(service: S) -> Line
where
    S: tower::Service<http::Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
    B: tonic::codegen::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    let call = service.map_response(|response| response.map(Body::new));
    Line::new(call.map_err(|never| match never {}))
}

/// gRPC messages out of the pieces in which they come.
#[derive(Default)]
struct Messages(BytesMut);

impl Messages {
    fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    fn next(&mut self) -> Option<Bytes> {
        let length = u32::from_be_bytes(self.0.get(1..5)?.try_into().ok()?) as usize;
        if self.0.len() < 5 + length {
            return None;
        }
        self.0.advance(5);
        Some(self.0.split_to(length).freeze())
    }
}

/// The first message in a body's bytes.
fn message<M: prost::Message + Default>(body: &[u8]) -> Option<M> {
    let mut messages = Messages::default();
    messages.push(body);
    M::decode(messages.next()?).ok()
}

/// A body that shows each of its messages, and breaks off before one for which `see` says so.
fn tapped(body: Body, mut see: impl FnMut(Bytes) -> Result<(), Status> + Send + 'static) -> Body {
    let mut messages = Messages::default();
    let frames = BodyStream::new(body).map(move |frame| {
        let frame = frame?;
        if let Some(piece) = frame.data_ref() {
            messages.push(piece);
            while let Some(message) = messages.next() {
                see(message)?;
            }
        }
        Ok::<_, Status>(frame)
    });
    Body::new(StreamBody::new(frames))
}

/// Reads a whole answer, and gives it again.
async fn whole(response: http::Response<Body>) -> Result<(Bytes, http::Response<Body>), Status> {
    let (head, body) = response.into_parts();
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned();
    let bytes = collected.to_bytes();
    let again = Full::new(bytes.clone()).with_trailers(async move { trailers.map(Ok) });
    Ok((bytes, http::Response::from_parts(head, Body::new(again))))
}

impl Network {
    pub(crate) fn new(faults: Faults, oracle: Arc<Mutex<Oracle>>, relays: usize, collectors: usize) -> Self {
        let slots = |count| (0..count).map(|_| Slot::default()).collect();
        Self { faults, oracle, relays: slots(relays), collectors: slots(collectors), late: Arc::default() }
    }

    /// A device's line to its relay.
    pub(crate) fn device_line(&self, relay: usize, address: SocketAddr) -> Line {
        let network = self.clone();
        Line::new(service_fn(move |request: http::Request<Body>| {
            let network = network.clone();
            async move {
                let (mut head, body) = request.into_parts();
                head.extensions.insert(TcpConnectInfo { local_addr: None, remote_addr: Some(address) });
                let body = body.collect().await?.to_bytes();
                network.device_calls(relay, http::Request::from_parts(head, body)).await
            }
        }))
    }

    async fn device_calls(&self, relay: usize, request: http::Request<Bytes>) -> Result<http::Response<Body>, Status> {
        if request.uri().path().ends_with("/SubmitReports")
            && let Some(sent) = message::<v1::SubmitReportsRequest>(request.body())
        {
            self.oracle.lock().sent(&sent.envelopes);
        }
        if self.faults.strike(12) {
            return match self.faults.pick(4) {
                0 => lost(),
                1 => {
                    self.deliver(relay, request).await?;
                    lost()
                }
                2 => {
                    self.late.lock().push_back((relay, request));
                    lost()
                }
                _ => {
                    // Twice, and either answer may be the one that arrives.
                    let first = self.deliver(relay, request.clone()).await;
                    let second = self.deliver(relay, request).await;
                    if self.faults.pick(2) == 0 { first } else { second }
                }
            };
        }
        self.deliver(relay, request).await
    }

    async fn deliver(&self, relay: usize, request: http::Request<Bytes>) -> Result<http::Response<Body>, Status> {
        let submitted = request.uri().path().ends_with("/SubmitReports");
        let sent = submitted.then(|| message::<v1::SubmitReportsRequest>(request.body())).flatten();
        let line = server(&self.relays[relay])?;
        let response = line.oneshot(request.map(|body| Body::new(Full::new(body)))).await?;
        let (bytes, response) = whole(response).await?;
        if let (Some(sent), Some(answer)) = (sent, message::<v1::SubmitReportsResponse>(&bytes)) {
            self.oracle.lock().answered(&sent.envelopes, &answer.outcomes);
        }
        Ok(response)
    }

    /// Delivers one of the late messages, if there is any; in any order.
    pub(crate) async fn deliver_late(&self) -> bool {
        let next = {
            let mut late = self.late.lock();
            let count = late.len();
            (count > 0).then(|| late.remove(self.faults.pick(count))).flatten()
        };
        let Some((relay, request)) = next else { return false };
        // Whoever sent it has gone: nobody hears the answer.
        let _ = self.deliver(relay, request).await;
        true
    }

    /// A relay's line to whichever collector a balancer picks.
    pub(crate) fn relay_line(&self) -> Line {
        let network = self.clone();
        Line::new(service_fn(move |request: http::Request<Body>| {
            let network = network.clone();
            async move { network.relay_calls(request).await }
        }))
    }

    async fn relay_calls(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let line = server(&self.collectors[self.faults.pick(self.collectors.len())])?;
        if self.faults.strike(12) {
            return lost();
        }
        let path = request.uri().path().to_owned();
        match path.rsplit('/').next() {
            Some("UploadReports") => self.upload(line, request).await,
            method => {
                let (bytes, response) = whole(line.oneshot(request).await?).await?;
                if method == Some("GetManifest") {
                    self.manifest_served(&bytes);
                }
                if self.faults.strike(12) { lost() } else { Ok(response) }
            }
        }
    }

    fn manifest_served(&self, body: &[u8]) {
        let signed = message::<v1::GetManifestResponse>(body).and_then(|answer| answer.signed_manifest);
        let wire = signed.and_then(|signed| v1::Manifest::decode(signed.manifest.as_slice()).ok());
        match wire.map(|wire| Manifest::try_from(&wire)) {
            Some(Ok(manifest)) => self.oracle.lock().manifest(&manifest),
            Some(Err(error)) => {
                self.oracle.lock().violate(format!("a collector served a manifest that is none: {error}"))
            }
            // An error, or an answer without one.
            None => {}
        }
    }

    /// An upload stream: what each batch holds is noted on its way out, what it is answered on the way back; which may be cut.
    async fn upload(&self, line: Line, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let batches: Arc<Mutex<Vec<v1::UploadReportsRequest>>> = Arc::default();
        let noted = batches.clone();
        let request = request.map(|body| {
            tapped(body, move |message| {
                noted.lock().extend(v1::UploadReportsRequest::decode(message).ok());
                Ok(())
            })
        });
        let network = self.clone();
        let response = line.oneshot(request).await?;
        Ok(response.map(|body| {
            tapped(body, move |message| {
                let Ok(answer) = v1::UploadReportsResponse::decode(message) else { return lost() };
                let batches = batches.lock();
                match batches.iter().find(|batch| batch.batch == answer.batch) {
                    Some(batch) => network.oracle.lock().answered(&batch.envelopes, &answer.outcomes),
                    None => network.oracle.lock().violate("a collector answered a batch that was not sent"),
                }
                if network.faults.strike(10) { lost() } else { Ok(()) }
            })
        }))
    }
}
