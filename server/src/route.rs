//! What every route is made of: a method, the shared part, and one way to turn an answer into a response.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderValue};
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::app::App;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem, respond};
use crate::replies::{Reserved, filled};

/// Addressed by what it holds, so never out of date: one year, as long as caches take anything.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// May be kept, and must be asked about before it is shown again.
pub(crate) const ASK_AGAIN: &str = "no-cache";

/// GET, and HEAD, which is the same without the body. `warp::get` alone does not match HEAD.
pub(crate) fn reads() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::get().or(warp::head()).unify()
}

/// Hands the shared part to a handler.
pub(crate) fn with(app: &Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone + use<> {
    let app = Arc::clone(app);
    warp::any().map(move || Arc::clone(&app))
}

/// The query string as it stands, empty if there is none.
pub(crate) fn query() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or_else(|_| async { Ok::<_, Infallible>((String::new(),)) })
}

/// Turns the answers of a handler into responses that say which resource they are of.
pub(crate) fn answering<F, A>(filter: F, resource: Resource) -> BoxedFilter<(Response,)>
where
    F: Filter<Extract = (A,), Error = Rejection> + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let respond = move |answer: A| async move {
        let mut response = respond(answer.await);
        response.extensions_mut().insert(resource);
        Ok::<_, Rejection>(response)
    };
    filter.and_then(respond).boxed()
}

/// A body with its type and how long it may be kept.
pub(crate) fn content(kind: &'static str, caching: &'static str, body: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

/// A JSON document with how long it may be kept.
pub(crate) fn json(caching: &'static str, document: &impl Serialize) -> Answer {
    json_within(None, caching, document)
}

/// The same in the room that was reserved for it.
pub(crate) fn json_within(reserved: Option<Reserved>, caching: &'static str, document: &impl Serialize) -> Answer {
    // A receipt has some three KiB.
    let mut text = Vec::with_capacity(4 << 10);
    serde_json::to_writer(&mut text, document)
        .map_err(|error| Problem::new(ledger::Code::Internal, format!("a document cannot be written: {error}")))?;
    Ok(content("application/json", caching, filled(reserved, text)))
}

/// A response under a tag, or 304 if the client has it already. Both may be kept and must be asked about.
pub(crate) fn tagged(tag: &str, headers: &HeaderMap, make: impl FnOnce() -> Answer) -> Answer {
    let tag = format!("\"{tag}\"");
    let mut response = if has(headers, &tag) {
        let mut unchanged = Response::new(bytes::Bytes::new().into());
        *unchanged.status_mut() = hyper::StatusCode::NOT_MODIFIED;
        unchanged.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN));
        unchanged
    } else {
        make()?
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2: by weak comparison).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    listed
        .flat_map(|list| list.split(','))
        .map(|listed| listed.trim())
        .any(|listed| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn status(if_none_match: &str) -> u16 {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, if_none_match.parse().unwrap())]);
        let response = tagged("ab", &headers, || json(ASK_AGAIN, &1)).unwrap();
        assert_eq!(response.headers()["etag"], "\"ab\"");
        assert_eq!(response.headers()["cache-control"], ASK_AGAIN);
        response.status().as_u16()
    }

    #[test]
    fn a_tag_that_the_client_has_is_not_sent_again() {
        for known in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert_eq!(status(known), 304, "{known}");
        }
        for unknown in ["", "ab", "\"abc\"", "\"x\",W/\"y\""] {
            assert_eq!(status(unknown), 200, "{unknown}");
        }
    }
}
