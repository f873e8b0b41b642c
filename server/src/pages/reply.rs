//! Responses that a browser shows: what they may do, and how long they may be kept.

use sha2::{Digest, Sha256};
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::Response;

use super::assets::Asset;
use super::view::shell::Shell;
use crate::problem::Problem;

/// Nothing is fetched, run, framed or sent but what this server serves itself.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// A page that the same address may show again: kept by browsers only as long as its digest is the same.
pub(super) fn page(html: String, request: &HeaderMap) -> Response {
    let digest = ledger::ids::to_hex(&Sha256::digest(html.as_bytes())[..16]);
    let etag = format!("\"{digest}\"");
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let known = known.flat_map(|list| list.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    });
    let mut response = html_response(if known { String::new() } else { html });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// The answer to a form. It may hold what somebody asked, so nobody keeps it.
pub(super) fn answer(html: String) -> Response {
    let mut response = html_response(html);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer to a form that is at another address.
pub(super) fn see_other(location: &str) -> Response {
    let mut response = answer(String::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    match HeaderValue::from_str(location) {
        Ok(location) => response.headers_mut().insert(header::LOCATION, location),
        // Locations are made of percent-encoded segments; one that is none leads home.
        Err(_) => response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/")),
    };
    response
}

/// A file for the reader to keep, such as a proof.
pub(super) fn download(bytes: Vec<u8>, media_type: &'static str, name: &str) -> Response {
    let mut response = HttpResponse::new(bytes.into());
    let headers = response.headers_mut();
    guard(headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// A file that pages refer to. Its name holds its digest, so it never changes.
pub(super) fn asset(asset: &'static Asset) -> Response {
    let mut response = HttpResponse::new(asset.bytes.into());
    let headers = response.headers_mut();
    guard(headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

/// A problem as a page, with its status, its headers and its code.
pub(super) fn problem(problem: Problem, shell: Shell) -> Response {
    let html = super::view::problem::ProblemPage::new(shell, problem.error()).to_string();
    let mut response = problem.into_response();
    *response.body_mut() = html.into();
    response.extensions_mut().remove::<ledger::Error>();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    guard(headers);
    response
}

fn html_response(html: String) -> Response {
    let mut response = HttpResponse::new(html.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    guard(headers);
    response
}

fn guard(headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_that_the_browser_has_is_not_sent_again() {
        let first = page("<p>one</p>".to_owned(), &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let mut request = HeaderMap::new();
        request.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(page("<p>one</p>".to_owned(), &request).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(page("<p>two</p>".to_owned(), &request).status(), StatusCode::OK);
    }

    #[test]
    fn a_redirect_cannot_be_split() {
        let response = see_other("/p/a\r\nset-cookie: x");
        assert_eq!(response.headers()[header::LOCATION], "/");
        assert_eq!(see_other("/r/7").headers()[header::LOCATION], "/r/7");
    }
}
