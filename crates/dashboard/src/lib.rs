//! The brand's page, as the collector serves it on its own port: the same origin as the calls that the page makes, so no other
//! origin is ever allowed in.
//!
//! The files are those of `web/dashboard/dist` when this crate was built. What the page does is in `web/dashboard`.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{self, HeaderName},
};

/// A file of the page.
struct File {
    name: &'static str,
    /// Of its content.
    hash: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What stands in for the page when there was none to embed.
const HOW_TO_BUILD: File = File {
    name: "index.html",
    hash: "how-to-build",
    plain: include_bytes!("how-to-build.html"),
    gzip: &[],
    brotli: &[],
};

/// Scripts and styles of this origin's files alone, nothing inline; no other origin is asked for anything; no other
/// page frames it. `blob:` is for pictures that the page itself draws.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// What every answer says.
const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Whether the page itself is embedded, and not only the word on how to build it.
pub fn is_embedded() -> bool {
    !FILES.is_empty()
}

/// Answers a request for the page or one of its files.
///
/// `404` for any other path, `405` for any method but `GET` and `HEAD`, `304` for what the browser has.
pub fn answer<B>(request: &Request<B>) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = told(StatusCode::METHOD_NOT_ALLOWED, "This is a page: use GET.\n");
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match find(request.uri().path()) {
        Some(file) => file.serve(request),
        None => told(StatusCode::NOT_FOUND, "There is no such page. The dashboard is at /.\n"),
    }
}

fn find(path: &str) -> Option<&'static File> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let found = FILES.iter().find(|file| file.name == name);
    found.or_else(|| (!is_embedded() && name == HOW_TO_BUILD.name).then_some(&HOW_TO_BUILD))
}

impl File {
    fn serve<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let (content, coding) = self.coded(|coding| accepts(request, coding));
        let tag = match coding {
            Some(coding) => format!("\"{}-{coding}\"", self.hash),
            None => format!("\"{}\"", self.hash),
        };
        let is_known = texts(request, &header::IF_NONE_MATCH).any(|known| known == tag || known == format!("W/{tag}"));
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let is_wanted = !is_known && request.method() == Method::GET;
        let mut response = said(status, if is_wanted { Bytes::from_static(content) } else { Bytes::new() });
        let headers = response.headers_mut();
        // Made of hexadecimal digits and names of codings: always a header.
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.keeping()));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if !is_known {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind()));
            if let Some(coding) = coding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
        }
        response
    }

    fn coded(&self, accepted: impl Fn(&str) -> bool) -> (&'static [u8], Option<&'static str>) {
        let forms = [(self.brotli, "br"), (self.gzip, "gzip")];
        let found = forms.into_iter().find(|(content, coding)| !content.is_empty() && accepted(coding));
        found.map_or((self.plain, None), |(content, coding)| (content, Some(coding)))
    }

    fn kind(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }

    /// Scripts and styles have their content's hash in their names, so what a name stands for never changes.
    fn keeping(&self) -> &'static str {
        match self.name.ends_with(".js") || self.name.ends_with(".css") {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        }
    }
}

/// Whether a coding is named in `accept-encoding` and not with weight 0.
fn accepts<B>(request: &Request<B>, coding: &str) -> bool {
    texts(request, &header::ACCEPT_ENCODING).any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), |weight| weight.trim().parse::<f32>());
        name.trim().eq_ignore_ascii_case(coding) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// The items of a header that is a list.
fn texts<'a, B>(request: &'a Request<B>, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = request.headers().get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim)
}

fn told(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = said(status, Bytes::from_static(text.as_bytes()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn said(status: StatusCode, content: Bytes) -> Response<Bytes> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: File = File { name: "app-1.js", hash: "ab", plain: b"plain", gzip: b"gzip", brotli: b"brotli" };

    fn request(method: Method, path: &str, headers: &[(HeaderName, &'static str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(path).body(()).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        request
    }

    fn get(headers: &[(HeaderName, &'static str)]) -> Response<Bytes> {
        PAGE.serve(&request(Method::GET, "/", headers))
    }

    #[test]
    fn the_page_answers_at_the_root_and_allows_nothing_inline_and_no_other_origin() {
        let response = answer(&request(Method::GET, "/?campaign=acme/spring", &[]));
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let page = String::from_utf8(response.into_body().to_vec()).unwrap();
        assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("<script>"), "{page}");
        assert!(is_embedded() || page.contains("cargo xtask dashboard"), "{page}");
    }

    #[test]
    fn what_is_not_there_or_not_allowed_says_so() {
        assert_eq!(answer(&request(Method::GET, "/../Cargo.toml", &[])).status(), StatusCode::NOT_FOUND);
        assert_eq!(answer(&request(Method::GET, "/app.js.gz", &[])).status(), StatusCode::NOT_FOUND);
        let refused = answer(&request(Method::POST, "/", &[]));
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[header::ALLOW], "GET, HEAD");
    }

    #[test]
    fn the_smallest_coding_that_the_browser_takes_is_sent() {
        let coded = |offers: &'static str| {
            let response = get(&[(header::ACCEPT_ENCODING, offers)]);
            let coding =
                response.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned());
            (coding, String::from_utf8(response.into_body().to_vec()).unwrap())
        };
        assert_eq!(coded("gzip, deflate, br, zstd"), (Some("br".into()), "brotli".into()));
        assert_eq!(coded("gzip;q=0.5"), (Some("gzip".into()), "gzip".into()));
        assert_eq!(coded("br;q=0, gzip;q=0"), (None, "plain".into()));
        assert_eq!(coded("identity"), (None, "plain".into()));
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let first = get(&[]);
        assert_eq!(first.headers()[header::ETAG], "\"ab\"");
        assert_eq!(first.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        let again = get(&[(header::IF_NONE_MATCH, "\"x\", W/\"ab\"")]);
        assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
        // Another coding is another representation.
        let other = get(&[(header::IF_NONE_MATCH, "\"ab\""), (header::ACCEPT_ENCODING, "br")]);
        assert_eq!(other.status(), StatusCode::OK);
    }
}
