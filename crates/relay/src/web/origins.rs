//! Which pages of other origins may call (CORS), always without credentials: a cookie would be an identifier.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::{ConfigError, origin_header};

/// How long a browser may remember that a page may call. Chromium caps it at two hours.
const PREFLIGHT_AGE: Duration = Duration::from_secs(86_400);

/// What a page may read of an answer.
const EXPOSED: &str = "grpc-status,grpc-message,grpc-status-details-bin";

/// The origins that the operator allows.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    any: bool,
    exact: Arc<[HeaderValue]>,
}

impl Origins {
    pub(crate) fn new(allowed: &[String]) -> Result<Self, ConfigError> {
        let exact = allowed.iter().map(|origin| origin_header(origin)).collect::<Result<_, _>>()?;
        Ok(Self { any: allowed.iter().any(|origin| origin == "*"), exact })
    }

    /// What browsers ask leave for: the headers of gRPC-Web, and to read its status.
    pub(super) fn layer(&self) -> CorsLayer {
        let allowed = match self.any {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(self.exact.to_vec()),
        };
        let named = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::POST])
            .allow_headers(
                [vec![header::CONTENT_TYPE], named(&["x-grpc-web", "x-user-agent", "grpc-timeout"])].concat(),
            )
            .expose_headers(EXPOSED.split(',').map(HeaderName::from_static).collect::<Vec<_>>())
            .max_age(PREFLIGHT_AGE)
    }

    /// Lets a page read an answer that does not pass the layer.
    pub(super) fn expose(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        answer.insert(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = asked.get(header::ORIGIN).filter(|&origin| self.any || self.exact.contains(origin)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// Whether the page behind a request may make it without having asked leave. A program has no origin, and may.
    ///
    /// A page of the relay's own origin is known by `host`; or, behind a proxy that changed that, by what the browser says.
    pub(super) fn allow(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let same_origin = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
        self.any || same_origin || self.exact.contains(origin) || is_own(origin, uri, headers)
    }
}

fn is_own(origin: &HeaderValue, uri: &Uri, headers: &HeaderMap) -> bool {
    let page = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let of_header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let called = uri.authority().map(|authority| authority.as_str()).or(of_header);
    page.zip(called).is_some_and(|(page, called)| page.eq_ignore_ascii_case(called))
}
