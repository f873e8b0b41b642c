//! One request and its answer: what may be refused before a route sees it, and what every answer says and counts,
//! whoever made it.

use std::time::Instant;

use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri, Version};
use ledger::Code;
use warp::reply::Response;

use super::Peer;
use crate::cors;
use crate::metrics::{Metrics, Resource};
use crate::openapi;
use crate::problem::Problem;

/// A request that is being answered.
pub(super) struct Exchange {
    begun: Instant,
    method: Method,
    uri: Uri,
}

impl Exchange {
    /// The request begins now.
    pub(super) fn begin<B>(request: &Request<B>) -> Self {
        Self { begun: Instant::now(), method: request.method().clone(), uri: request.uri().clone() }
    }

    /// The answer as it leaves, counted.
    pub(super) fn end(self, mut answer: Response, metrics: &Metrics) -> Response {
        let (method, path) = (&self.method, self.uri.path());
        let resource = answer.extensions().get::<Resource>().copied().unwrap_or(Resource("none"));
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            answer = other_method(method, path, answer);
        }
        metrics.answered(resource, method, answer.status(), self.begun.elapsed());
        harden(answer.headers_mut());
        cors::open(method, path, answer.headers_mut());
        if *method == Method::HEAD {
            without_body(&mut answer);
        }
        answer
    }
}

/// Lets a request by `peer` go on to the routes.
///
/// # Errors
/// What is wrong with a request that no route may see.
pub(super) fn admit<B>(request: &mut Request<B>, peer: Peer) -> Result<(), Problem> {
    request.extensions_mut().insert(peer);
    if *request.method() != Method::GET {
        // There are parts of nothing else (RFC 9110, section 14.2).
        request.headers_mut().remove(header::RANGE);
    }
    unroutable(request).map_or(Ok(()), Err)
}

/// The answer to a method that an address does not take: which ones it does take.
fn other_method(method: &Method, path: &str, mut refusal: Response) -> Response {
    if *method == Method::OPTIONS
        && let Some(options) = cors::options(path)
    {
        return options;
    }
    if let Ok(methods) = HeaderValue::from_str(&openapi::allowed(path)) {
        refusal.headers_mut().entry(header::ALLOW).or_insert(methods);
    }
    refusal
}

/// What is wrong with a request that no route may see: filters look for a path, and a host that is said twice may be one to
/// whoever stands in front and another one here (RFC 9112, section 3.2).
fn unroutable<B>(request: &Request<B>) -> Option<Problem> {
    if request.method() == Method::CONNECT {
        return Some(Problem::new(Code::MethodNotAllowed, "this server is no proxy"));
    }
    if request.uri().path_and_query().is_none() {
        return Some(Problem::bad_request("request target", "it has no path"));
    }
    match (request.version(), request.headers().get_all(header::HOST).iter().count()) {
        (_, 2..) => Some(Problem::bad_request("host", "given more than once")),
        (Version::HTTP_11, 0) => Some(Problem::bad_request("host", "missing, and HTTP/1.1 asks for it")),
        _ => None,
    }
}

/// What every response says, whoever made it. A page may have said more.
fn harden(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, &str); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The head of an answer alone. Over HTTP/1 hyper leaves the body out by itself; over HTTP/2 it would send it.
fn without_body(response: &mut Response) {
    // What has no body with GET either has no length: 0 would be that of another answer.
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().size_hint().exact().filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    *response.body_mut() = Response::default().into_body();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::frames::asked_over_http_2;
    use crate::testing::TestServer;

    #[test]
    fn a_request_without_a_path_is_refused_and_ends_no_task() {
        let server = TestServer::start();
        let sent = |head: &str| server.send(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes());
        let tunnel = sent("CONNECT foo:80 HTTP/1.1\r\nhost: foo:80");
        assert_eq!((tunnel.status, tunnel.problem().as_str()), (405, "method_not_allowed"));
        let no_path = sent("GET foo:80 HTTP/1.1\r\nhost: foo:80");
        assert_eq!((no_path.status, no_path.problem().as_str()), (400, "bad_request"));
        assert_eq!(sent("GET http://foo/ready HTTP/1.1\r\nhost: foo").status, 200);
        // CONNECT as a literal, and an authority: it has neither scheme nor path.
        let block = [&[0x02, 7][..], b"CONNECT", &[0x01, 4], b"x:80"].concat();
        assert_ne!(asked_over_http_2(&server, &block).first(), Some(&0x88), "not 200, from the static table");
        let counted = r#"colophon_http_requests_total{resource="none",method="other",status="4xx"} 2"#;
        assert!(server.get("/metrics").text().contains(counted));
    }

    #[test]
    fn a_request_of_http_1_1_names_its_host_once() {
        let server = TestServer::start();
        let sent = |head: &str| server.send(format!("GET /ready {head}\r\nconnection: close\r\n\r\n").as_bytes());
        for head in ["HTTP/1.1", "HTTP/1.1\r\nhost: a\r\nhost: a", "HTTP/1.0\r\nhost: a\r\nhost: b"] {
            let refused = sent(head);
            assert_eq!((refused.status, refused.problem().as_str()), (400, "bad_request"), "{head}");
        }
        for head in ["HTTP/1.1\r\nhost: a", "HTTP/1.1\r\nhost:", "HTTP/1.0"] {
            assert_eq!(sent(head).status, 200, "{head}");
        }
    }
}
