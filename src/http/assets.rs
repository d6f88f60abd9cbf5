//! The page: files embedded in the binary, sent compressed, and again only when they changed.

mod page;

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::error::Problem;
use page::{Embedded, File, Page};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    Page::of(Files::iter().filter_map(|path| {
        let file = Files::get(&path)?;
        Some(Embedded {
            path: path.into_owned(),
            body: file.data,
            hash: file.metadata.sha256_hash(),
        })
    }))
});

/// A name with its content's hash in it never means anything else.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Asked for each time, sent only when it changed: a new server is a new page.
const ASKED_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// Serves a file; the page itself for `/`, the interface's for `/docs`.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Problem::not_found().into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        "docs" => "docs.html",
        path => path,
    };
    let Some(found) = PAGE.find(path) else { return Problem::not_found().into_response() };
    let cached = if found.by_hash { KEPT } else { ASKED_EACH_TIME };
    let mut response = answer(found.file, &headers);
    response.headers_mut().insert(header::CACHE_CONTROL, cached);
    response
}

fn answer(file: &File, asked: &HeaderMap) -> Response {
    let packed = file.packed().filter(|_| takes_gzip(asked));
    let tag = format!("\"{}{}\"", file.hash(), if packed.is_some() { "-gz" } else { "" });
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let mut response = if known.is_some_and(|known| known.contains(&tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        packed.unwrap_or_else(|| file.body()).clone().into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(policy) = file.policy() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
}

/// Whether `gzip` may be sent: named, or meant by `*`, and not refused by a weight of nothing
/// (RFC 9110, 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut codings = codings.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
        matches!(name.trim(), "gzip" | "x-gzip" | "*") && weight.is_some_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(header::HeaderName, &'static str)]) -> Response {
        let mut asked = HeaderMap::new();
        for (name, value) in headers {
            asked.insert(name, HeaderValue::from_static(value));
        }
        let uri = path.parse().unwrap();
        futures_util::FutureExt::now_or_never(serve(Method::GET, uri, asked)).unwrap()
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The name of `app.js` that the page itself uses.
    fn hashed() -> String {
        let file = PAGE.find("app.js").unwrap().file;
        format!("/app.{}.js", &file.hash()[..page::HASH_DIGITS])
    }

    #[test]
    fn gzip_is_sent_to_those_that_take_it() {
        for (taken, coding) in [
            ("gzip, deflate, br", Some("gzip")),
            ("br;q=1, gzip;q=0.5", Some("gzip")),
            ("*", Some("gzip")),
            ("gzip;q=0", None),
            ("br", None),
            ("identity", None),
        ] {
            let response = get("/style.css", &[(header::ACCEPT_ENCODING, taken)]);
            assert_eq!(header(&response, "content-encoding"), coding, "{taken}");
            assert_eq!(header(&response, "vary"), Some("accept-encoding"));
        }
        assert_eq!(header(&get("/style.css", &[]), "content-encoding"), None);
    }

    #[test]
    fn a_name_with_a_hash_is_kept_and_a_plain_one_asked_for_each_time() {
        assert!(header(&get(&hashed(), &[]), "cache-control").unwrap().ends_with("immutable"));
        assert_eq!(header(&get("/app.js", &[]), "cache-control"), Some("no-cache"));
        assert_eq!(header(&get("/", &[]), "cache-control"), Some("no-cache"));
    }

    #[test]
    fn a_page_older_than_the_server_finds_the_file_but_does_not_keep_it() {
        let response = get("/app.0123456789.js", &[]);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "cache-control"), Some("no-cache"));
        for path in ["/app.012345678x.js", "/app.0123.js", "/nobody.0123456789.js", "/../app.js"] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let gzip = (header::ACCEPT_ENCODING, "gzip");
        let first = get("/house.js", std::slice::from_ref(&gzip));
        let tag: &'static str = header(&first, "etag").unwrap().to_owned().leak();
        let again = get("/house.js", &[gzip, (header::IF_NONE_MATCH, tag)]);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let plain = get("/house.js", &[(header::IF_NONE_MATCH, tag)]);
        assert_eq!(plain.status(), StatusCode::OK, "another coding is another thing");
    }

    #[test]
    fn the_page_alone_may_run_its_import_map() {
        let policy = |path| header(&get(path, &[]), "content-security-policy").map(str::to_owned);
        let page = policy("/").unwrap();
        assert!(page.contains("script-src 'self' 'sha256-") && !page.contains("unsafe"), "{page}");
        assert_eq!((policy("/app.js"), policy("/docs")), (None, None));
    }
}
