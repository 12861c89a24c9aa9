//! The headers of a call: they are read before anybody can say whose they are, so they have a limit of the listener's own.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http::HeaderMap;

use crate::{Connections, Limit};

/// `app`, which no call reaches whose headers are longer than `limit`: such a call is counted, and answered with what
/// `refuse` gives.
pub fn bounded(
    app: Router,
    limit: Limit,
    metrics: Connections,
    refuse: impl Fn(&HeaderMap) -> Response + Clone + Send + Sync + 'static,
) -> Router {
    app.layer(from_fn(move |call: Request, next: Next| {
        let refused = (bytes_of(call.headers()) > limit.value).then(|| {
            metrics.refuse(limit);
            refuse(call.headers())
        });
        async move {
            match refused {
                Some(refused) => refused,
                None => next.run(call).await,
            }
        }
    }))
}

/// Of their names and values.
pub fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}
