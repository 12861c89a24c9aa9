//! The headers of a call: they are read before anybody can say whose they are, so they have a limit of the listener's own.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
};
use http::HeaderMap;

use crate::{Connections, Limit, server::Farewell};

/// `app`, which no call reaches whose headers are longer than `limit`.
pub(crate) fn bounded(app: Router, limit: Limit, farewell: Arc<Farewell>, metrics: Connections) -> Router {
    app.layer(from_fn(move |call: Request, next: Next| {
        let refused = (bytes_of(call.headers()) > limit.value).then(|| {
            metrics.refuse(limit);
            farewell(limit, call.headers())
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
fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}
