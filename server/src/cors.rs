//! What scripts of other origins may read: every answer of an address that programs read, also one that says what is wrong.
//!
//! Everything here is public and no request carries a secret, so any origin may: a verifier in a browser has to. No
//! credentials are ever allowed, and what is written (POST, PUT) is left to the rules of the same origin.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use warp::reply::Response;

use crate::openapi;
use crate::pages::is_page;

/// What an answer says beside its body that a script would not see otherwise.
const EXPOSED: &str = "Content-Range, ETag, Location, Retry-After";

/// What a script may ask with beyond what it always may.
const ASKED_WITH: &str = "If-None-Match, Range";

/// How long a browser may remember that: a day.
const REMEMBERED: &str = "86400";

/// Lets scripts of any origin read what was read. Pages are for people.
pub(crate) fn open(method: &Method, path: &str, headers: &mut HeaderMap) {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && !is_page(path) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// The answer to OPTIONS at an address that is read; `None` at one that is only written.
pub(crate) fn options(path: &str) -> Option<Response> {
    let allowed = openapi::allowed(path);
    if !allowed.split(", ").any(|method| method == "GET") {
        return None;
    }
    let mut response = Response::new(bytes::Bytes::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_str(&allowed).ok()?);
    if !is_page(path) {
        const SAID: [(HeaderName, &str); 3] = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED_WITH),
            (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
        ];
        headers.extend(SAID.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::testing::TestServer;

    const ORIGIN: &str = "access-control-allow-origin";

    #[test]
    fn scripts_of_other_origins_read_every_answer_that_programs_read_and_no_page() {
        let server = TestServer::start();
        let tag = server.get("/api/v1/records/1").header("etag").unwrap().to_owned();
        for (path, with, status) in [
            ("/checkpoint", ("range", "bytes=0-1"), 200),
            ("/tile/entries/000.p/3", ("range", "bytes=0-1"), 206),
            ("/tile/entries/000.p/3", ("range", "bytes=999999-"), 416),
            ("/tile/0/999", ("range", "bytes=0-1"), 404),
            ("/api/v1/records/1", ("if-none-match", tag.as_str()), 304),
            ("/api/v1/records/999", ("origin", "https://other.example"), 404),
            ("/api/v1/records?limit=0", ("origin", "https://other.example"), 400),
            ("/nothing", ("origin", "https://other.example"), 404),
            ("/metrics", ("origin", "https://other.example"), 200),
        ] {
            let reply = server.request("GET", path, &[with], b"");
            assert_eq!((reply.status, reply.header(ORIGIN)), (status, Some("*")), "{path}");
            assert_eq!(reply.header("access-control-expose-headers"), Some(EXPOSED), "{path}");
            assert_eq!(reply.header("access-control-allow-credentials"), None, "{path}");
        }
        for page in ["/", "/r/1", "/ask", "/r/999"] {
            assert_eq!(server.get(page).header(ORIGIN), None, "{page}");
        }
        let posted = server.post("/api/v1/records", b"{}");
        assert_eq!((posted.status, posted.header(ORIGIN)), (422, None), "what is written is none of their business");
    }

    #[test]
    fn options_say_how_an_address_is_read_and_let_nobody_write() {
        let server = TestServer::start();
        let options = |path: &str| server.request("OPTIONS", path, &[("origin", "https://other.example")], b"");
        for (path, allowed) in [
            ("/checkpoint", "GET, HEAD, OPTIONS"),
            ("/tile/0/000.p/3", "GET, HEAD, OPTIONS"),
            ("/api/v1/records", "GET, HEAD, OPTIONS, POST"),
        ] {
            let reply = options(path);
            assert_eq!((reply.status, reply.body.len(), reply.header("allow")), (204, 0, Some(allowed)), "{path}");
            assert_eq!(reply.header("access-control-allow-methods"), Some("GET, HEAD"), "{path}");
            assert_eq!(reply.header("access-control-allow-headers"), Some(ASKED_WITH), "{path}");
            assert_eq!((reply.header(ORIGIN), reply.header("content-length")), (Some("*"), None), "{path}");
        }
        let page = options("/r/1");
        assert_eq!((page.status, page.header("allow"), page.header(ORIGIN)), (204, Some("GET, HEAD, OPTIONS"), None));
        let written = options("/api/v1/records:batch");
        assert_eq!((written.status, written.header("allow")), (405, Some("POST")));
        assert_eq!(written.header("access-control-allow-methods"), None);
        assert_eq!(options("/nothing").status, 404);
    }
}
