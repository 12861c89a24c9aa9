//! `GET /s/CODE`: a redirect to the declared target. No cookie is set and nothing is kept of the request but, if it is a
//! person's click, one more in a total.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, RawQuery, State},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::links::{LinkShelf, Totals, platform_of_click};

/// The links in service, and where clicks on them are counted.
#[derive(Clone)]
pub(crate) struct ShortLinks {
    pub(crate) shelf: Arc<LinkShelf>,
    pub(crate) totals: Arc<Totals>,
}

pub(super) fn routes(links: ShortLinks) -> Router {
    Router::new().route("/s/{code}", get(follow)).with_state(links)
}

async fn follow(
    State(links): State<ShortLinks>,
    Path(code): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some(link) = links.shelf.get(&code) else { return not_found() };
    if let Some(platform) = platform_of_click(&method, &headers) {
        links.totals.count(&code, platform);
    }
    // A query that no header can carry stays behind; the target itself was checked when it was declared.
    let location = HeaderValue::from_str(&link.location(query.as_deref()))
        .or_else(|_| HeaderValue::from_str(&link.location(None)));
    let Ok(location) = location else { return not_found() };
    let headers = [
        (header::LOCATION, location),
        // Each click is asked here, and none is remembered on the way.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // The site that the click came from stays known to the target, as without the short link; the page does not.
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

fn not_found() -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (StatusCode::NOT_FOUND, headers, Html(NO_SUCH_LINK)).into_response()
}

const NO_SUCH_LINK: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>No such link</title>
<h1>No such link</h1>
<p>This short link does not exist, or no longer does. Ask whoever gave it to you for the full address.</p>
</html>
"#;
