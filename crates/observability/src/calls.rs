//! Every call, counted where it enters and leaves the server: what any method refuses for any reason is counted without
//! more code.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use prost::Message as _;
use tower::{Layer, Service};
use tracing::Span;

use crate::{
    ending::{Ending, is_grpc_web},
    seconds,
};

/// The names of methods: those of the services that are served, and what else a path may be. A caller cannot add one.
#[derive(Clone)]
pub struct Methods {
    by_path: Arc<HashMap<String, Method>>,
    otherwise: fn(&str) -> &'static str,
    others: Arc<[Method]>,
}

/// A method's name as a label: `CollectionService/SubmitReports`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Method(Arc<str>);

impl EncodeLabelValue for Method {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct CallLabels {
    method: Method,
    code: String,
    reason: String,
    limit: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct MethodLabels {
    method: Method,
}

type Durations = Family<MethodLabels, Histogram, fn() -> Histogram>;

/// The metrics behind the layer.
#[derive(Clone)]
struct Metrics {
    ended: Family<CallLabels, Counter>,
    open: Family<MethodLabels, Gauge>,
    seconds: Durations,
}

/// Counts the calls of the service that it is put around, and gives each a span with a random id.
#[derive(Clone)]
pub struct CallLayer {
    methods: Methods,
    metrics: Metrics,
}

impl Methods {
    /// The methods of the services in encoded `FileDescriptorSet`s. `otherwise` names what no service has, out of `others`.
    ///
    /// # Errors
    /// When a set does not decode.
    pub fn new(
        descriptors: &[&[u8]],
        others: &[&'static str],
        otherwise: fn(&str) -> &'static str,
    ) -> Result<Self, prost::DecodeError> {
        let mut by_path = HashMap::new();
        for set in descriptors {
            for file in prost_types::FileDescriptorSet::decode(*set)?.file {
                let package = file.package().to_owned();
                for service in &file.service {
                    for method in &service.method {
                        let name = format!("{}/{}", service.name(), method.name());
                        by_path.insert(format!("/{package}.{name}"), Method(name.into()));
                    }
                }
            }
        }
        let others = others.iter().map(|&name| Method(name.into())).collect();
        Ok(Self { by_path: Arc::new(by_path), otherwise, others })
    }

    fn of(&self, path: &str) -> Method {
        let other = || {
            let name = (self.otherwise)(path);
            self.others.iter().find(|method| &*method.0 == name).cloned()
        };
        self.by_path.get(path).cloned().or_else(other).unwrap_or_else(|| Method("other".into()))
    }

    fn all(&self) -> impl Iterator<Item = &Method> {
        self.by_path.values().chain(&*self.others)
    }
}

impl CallLayer {
    /// A layer whose metrics are in `registry`. All methods are there from the start, with 0.
    pub fn new(registry: &mut Registry, methods: Methods) -> Self {
        let metrics = Metrics {
            ended: Family::default(),
            open: Family::default(),
            seconds: Durations::new_with_constructor(seconds),
        };
        for method in methods.all() {
            drop(metrics.ended.get_or_create(&CallLabels {
                method: method.clone(),
                code: "OK".to_owned(),
                reason: String::new(),
                limit: String::new(),
            }));
            let labels = MethodLabels { method: method.clone() };
            drop(metrics.open.get_or_create(&labels));
            drop(metrics.seconds.get_or_create(&labels));
        }
        let meaning = "Calls that ended, by gRPC code (or HTTP_ and the status), by the reason of a refusal \
                       (google.rpc.ErrorInfo) and the limit that it names";
        registry.register("calls", meaning, metrics.ended.clone());
        let meaning = "Calls under way; streams are calls of their methods";
        registry.register("calls_open", meaning, metrics.open.clone());
        let meaning = "Time from a call's head to the head of its answer";
        registry.register_with_unit("call", meaning, Unit::Seconds, metrics.seconds.clone());
        Self { methods, metrics }
    }
}

impl fmt::Debug for CallLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallLayer({} methods)", self.methods.by_path.len())
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CountedCalls<S>;

    fn layer(&self, inner: S) -> CountedCalls<S> {
        CountedCalls { inner, layer: self.clone() }
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub struct CountedCalls<S> {
    inner: S,
    layer: CallLayer,
}

impl<S, B, R> Service<Request<B>> for CountedCalls<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<CountedBody<R>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = Call::begin(&self.layer, request.uri().path());
        let _in_span = call.span.clone().entered();
        let answering = self.inner.call(request);
        Answering { answering, call: Some(call) }
    }
}

/// A call from its head to its end, however it ends.
struct Call {
    metrics: Metrics,
    method: Method,
    span: Span,
    since: Instant,
    ended: bool,
}

impl Call {
    fn begin(layer: &CallLayer, path: &str) -> Self {
        let method = layer.methods.of(path);
        let span = tracing::info_span!("call", method = &*method.0, id = tracing::field::Empty);
        if !span.is_disabled() {
            // Random: it says nothing of the caller, nor of the calls before.
            span.record("id", format_args!("{:016x}", rand::random::<u64>()));
        }
        let metrics = layer.metrics.clone();
        metrics.open.get_or_create(&MethodLabels { method: method.clone() }).inc();
        Self { metrics, method, span, since: Instant::now(), ended: false }
    }

    /// The head of the answer is there.
    fn answered(&self) {
        let labels = MethodLabels { method: self.method.clone() };
        self.metrics.seconds.get_or_create(&labels).observe(self.since.elapsed().as_secs_f64());
    }

    fn end(&mut self, ending: Ending) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let milliseconds = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Ending { code, reason, limit } = ending;
        self.span.in_scope(|| tracing::debug!(code, reason, limit, milliseconds, "a call ended"));
        let method = self.method.clone();
        self.metrics.ended.get_or_create(&CallLabels { method, code, reason, limit }).inc();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Ending::cancelled());
        self.metrics.open.get_or_create(&MethodLabels { method: self.method.clone() }).dec();
    }
}

pin_project! {
    /// A call that has no answer yet.
    pub struct Answering<F> {
        #[pin]
        answering: F,
        call: Option<Call>,
    }
}

impl<F, R, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<CountedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _in_span = this.call.as_ref().map(|call| call.span.clone().entered());
        let response = ready!(this.answering.poll(cx))?;
        let (mut head, inner) = response.into_parts();
        let web = is_grpc_web(&head.headers);
        let mut call = this.call.take();
        if let Some(call) = &mut call {
            call.answered();
            let told = head.extensions.remove::<Ending>();
            if let Some(ending) = told.or_else(|| Ending::of_head(head.status, &head.headers)) {
                call.end(ending);
            }
        }
        Poll::Ready(Ok(Response::from_parts(head, CountedBody { inner, web, call })))
    }
}

pin_project! {
    /// The body of an answer; its end is that of the call.
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        web: bool,
        call: Option<Call>,
    }
}

impl<B: Body<Data = Bytes>> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let _in_span = this.call.as_ref().map(|call| call.span.clone().entered());
        let polled = ready!(this.inner.poll_frame(cx));
        if let (Some(call), Some(Ok(frame))) = (this.call.as_mut(), &polled) {
            let of_piece = || frame.data_ref().filter(|_| *this.web).and_then(Ending::of_web_frame);
            if let Some(ending) = frame.trailers_ref().map(Ending::of_trailers).or_else(of_piece) {
                call.end(ending);
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use prometheus_client::encoding::text::encode;
    use tonic::Status;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    fn layer(registry: &mut Registry) -> CallLayer {
        CallLayer::new(
            registry,
            Methods::new(&[], &["page", "other"], |path| if path == "/" { "page" } else { "x" }).unwrap(),
        )
    }

    fn page(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }

    #[tokio::test]
    async fn a_call_is_counted_by_how_it_ended_and_an_unknown_path_is_no_label() {
        let mut registry = Registry::default();
        let layer = layer(&mut registry);
        let refuse = service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Status::unauthenticated("who?").into_http::<axum::body::Body>())
        });
        for path in ["/", "/secret/path"] {
            let request = Request::get(path).body(()).unwrap();
            drop(layer.layer(refuse).oneshot(request).await.unwrap());
        }
        let text = page(&registry);
        for method in ["page", "other"] {
            let line = format!(r#"calls_total{{method="{method}",code="UNAUTHENTICATED",reason="",limit=""}} 1"#);
            assert!(text.contains(&line), "{text}");
        }
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains(r#"calls_open{method="page"} 0"#), "{text}");
    }

    #[tokio::test]
    async fn who_goes_away_before_the_answer_is_counted_too() {
        let mut registry = Registry::default();
        let layer = layer(&mut registry);
        let never = service_fn(async |_: Request<()>| {
            std::future::pending::<()>().await;
            Ok::<_, Infallible>(Response::new(axum::body::Body::empty()))
        });
        let call = layer.layer(never).oneshot(Request::get("/").body(()).unwrap());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), call).await.is_err());
        let text = page(&registry);
        assert!(text.contains(r#"calls_total{method="page",code="CANCELLED",reason="",limit=""} 1"#), "{text}");
    }
}
