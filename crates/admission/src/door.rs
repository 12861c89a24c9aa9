//! Refusal by a request's head: nothing of what is refused is decoded or kept.

use std::{
    fmt,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::Either;
use http::Request;
use http_body::Body;
use http_body_util::BodyExt as _;
use tonic::server::NamedService;
use tower::Service;

/// How much of a refused request's body is still read, and for how long: a whole batch's, on a slow connection.
const READ_AWAY_BYTES: usize = 4 << 20;
const READ_AWAY_TIME: Duration = Duration::from_secs(10);

/// A service before which stands a check of each request's head.
///
/// What is refused is read to its end and thrown away before the answer. Else HTTP/2 would reset the stream; what still
/// comes of it counts as the peer's error, and after a thousand of those h2 closes the connection, with all that is
/// under way on it (`max_local_error_reset_streams`).
#[derive(Clone)]
pub struct Door<S, F> {
    service: S,
    refuse: F,
}

impl<S, F> Door<S, F> {
    /// `service`, behind `refuse`, which gives the answer to a request that is refused.
    pub fn new(service: S, refuse: F) -> Self {
        Self { service, refuse }
    }
}

impl<S, F, B> Service<Request<B>> for Door<S, F>
where
    S: Service<Request<B>>,
    S::Response: Send + 'static,
    F: Fn(&Request<B>) -> Option<S::Response>,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match (self.refuse)(&request) {
            None => Either::Left(self.service.call(request)),
            Some(answer) => Either::Right(Box::pin(async move {
                tokio::time::timeout(READ_AWAY_TIME, read_away(request.into_body())).await.ok();
                Ok(answer)
            })),
        }
    }
}

async fn read_away(body: impl Body) {
    let (mut body, mut bytes) = (pin!(body), 0);
    while bytes <= READ_AWAY_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes += frame.data_ref().map_or(0, bytes::Buf::remaining);
    }
}

impl<S: NamedService, F> NamedService for Door<S, F> {
    const NAME: &'static str = S::NAME;
}

impl<S: fmt::Debug, F> fmt::Debug for Door<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({:?})", self.service)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tower::service_fn;

    use super::*;

    #[tokio::test]
    async fn what_is_refused_is_read_to_its_end_and_never_reaches_the_service() {
        static READ: AtomicUsize = AtomicUsize::new(0);
        let frames = stream::iter(0..3).map(|_| {
            READ.fetch_add(1, Relaxed);
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"report")))
        });
        let reached = |_| async { Err::<&str, _>("it reached the service") };
        let mut door = Door::new(service_fn(reached), |_: &_| Some("full"));
        let answer = door.call(Request::new(StreamBody::new(frames))).await;
        assert_eq!((answer, READ.load(Relaxed)), (Ok("full"), 3));
    }
}
