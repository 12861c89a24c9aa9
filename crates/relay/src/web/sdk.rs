//! The SDK's files for pages: two addresses each, and no way to ask for anything else.
//!
//! `/tacita.js` is the present build, and a browser asks at each page whether it changed. `/tacita/VERSION/tacita.js`
//! never changes, and a browser keeps it. A core asks for the other files beside itself, so a page never mixes two builds.

use axum::{
    Router,
    body::Bytes,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::sdk::{Sdk, SdkFile};

/// Kept, and asked for again at each use: an unchanged file costs a 304.
const PRESENT: HeaderValue = HeaderValue::from_static("public, no-cache");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A route for each file's two addresses, and for the list of them.
pub(super) fn routes(sdk: &Sdk) -> Router {
    let mut routes = Router::new();
    for file in sdk.files() {
        let variants = Variants::of(file);
        routes = routes
            .route(&format!("/{}", file.name), variants.clone().serve(PRESENT))
            .route(&sdk.path_of(file), variants.serve(FOR_EVER));
    }
    let list = Variants::plain(JSON, list(sdk).into_bytes(), sdk.version());
    routes.route("/tacita.json", list.serve(PRESENT))
}

/// What a page's template needs to embed the files.
fn list(sdk: &Sdk) -> String {
    let about = |file: &SdkFile| {
        let sizes = (file.bytes.len(), file.gzip.len());
        json!({ "url": sdk.path_of(file), "integrity": file.integrity, "bytes": sizes.0, "gzip": sizes.1 })
    };
    let files: Map<String, Value> = sdk.files().iter().map(|file| (file.name.clone(), about(file))).collect();
    json!({ "version": sdk.version(), "files": files }).to_string()
}

/// A file as it is and, if that is shorter, gzipped, each with an entity tag of its own.
#[derive(Clone)]
struct Variants {
    media: HeaderValue,
    plain: (Bytes, String),
    gzip: Option<(Bytes, String)>,
}

impl Variants {
    fn of(file: &SdkFile) -> Self {
        let gzip = (file.gzip.len() < file.bytes.len())
            .then(|| (Bytes::from(file.gzip.clone()), format!("\"{}-gzip\"", file.integrity)));
        Self { gzip, ..Self::plain(SCRIPT, file.bytes.clone(), &file.integrity) }
    }

    fn plain(media: HeaderValue, bytes: Vec<u8>, tag: &str) -> Self {
        Self { media, plain: (bytes.into(), format!("\"{tag}\"")), gzip: None }
    }

    fn serve(self, cache: HeaderValue) -> MethodRouter {
        get(async move |headers: HeaderMap| self.answer(&headers, cache.clone()))
    }

    /// Any page may load it and read it: it holds nothing of anyone, and `integrity` needs it readable.
    fn answer(&self, asked: &HeaderMap, cache: HeaderValue) -> Response {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip(asked));
        let (bytes, tag) = gzip.unwrap_or(&self.plain);
        let mut answer = match holds(asked, tag) {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => bytes.clone().into_response(),
        };
        let headers = answer.headers_mut();
        let mut set = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
        set(header::CONTENT_TYPE, self.media.clone());
        set(header::CACHE_CONTROL, cache);
        set(header::VARY, HeaderValue::from_static("accept-encoding"));
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        set(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        set(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
        if let Ok(tag) = HeaderValue::from_str(tag) {
            set(header::ETAG, tag);
        }
        if gzip.is_some() {
            set(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}

/// Whether the browser holds the entity already (`if-none-match`).
fn holds(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.trim_start_matches("W/") == tag)
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight > 0.0)
    })
}
