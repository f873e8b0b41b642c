//! Where pages are, and the filters that lead to them.
//!
//! Pages read files, so they are made where that holds nobody up. A problem that any route of the server answers becomes a
//! page here if a browser asked.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Buf;
use futures_util::Stream;
use hyper::body::Body as _;
use ledger::bundle::MAX_BUNDLE_LEN;
use ledger::{Code, Error};
use warp::filters::BoxedFilter;
use warp::http::HeaderMap;
use warp::http::Method;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::{Pages, Request, prefers_pages};
use crate::app::App;
use crate::body::{Takes, heavy};
use crate::connection::Peer;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::route::{answering, query, reads};

/// What a search sends: the box takes 4,000 characters, of up to 4 bytes, each of which may be escaped as 3.
const MAX_SEARCH: usize = 64 << 10;

/// What a question sends: a page of Wikipedia at its largest (2 MiB), escaped as a form does to text of any script.
const MAX_QUESTION: usize = 6 << 20;

/// What a verification sends: a bundle, and the form around it.
const MAX_VERIFY: usize = MAX_BUNDLE_LEN + (64 << 10);

/// All pages, and the answers to their forms.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    of_pages(&Arc::new(Pages::new(Arc::clone(app))))
}

/// Everything that these pages answer.
pub(crate) fn of_pages(pages: &Arc<Pages>) -> BoxedFilter<(Response,)> {
    let with = {
        let pages = Arc::clone(pages);
        warp::any().map(move || Arc::clone(&pages))
    };
    let page = at(is_page).and(reads()).and(with.clone()).and(query()).and(warp::header::headers_cloned()).map(show);
    let form = at(|path| takes(path).is_some())
        .and(warp::post())
        .and(with)
        .and(warp::ext::get::<Peer>())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .map(fill);
    answering(page, Resource("page")).or(answering(form, Resource("form"))).unify().boxed()
}

/// Makes pages of the problems that `inner` answers, for browsers.
pub(crate) fn dressed(pages: &Arc<Pages>, inner: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
    let pages = Arc::clone(pages);
    let browser = warp::method().and(warp::header::headers_cloned());
    let dress = move |method: Method, headers: HeaderMap, response: Response| {
        let pages = Arc::clone(&pages);
        async move {
            let reads = method == Method::GET || method == Method::HEAD;
            let problem = response.extensions().get::<Error>().cloned().filter(|_| reads && prefers_pages(&headers));
            let Some(problem) = problem else { return Ok::<_, Rejection>(response) };
            let page = heavy(move || pages.problem(problem.into(), &headers)).await;
            let Ok(page) = page else { return Ok(response) };
            let (mut parts, body) = page.into_parts();
            // What the problem said beside its text, such as when to come back, stays said.
            for (name, value) in response.headers() {
                parts.headers.entry(name).or_insert_with(|| value.clone());
            }
            // It is still an answer of the resource that was asked for.
            if let Some(resource) = response.extensions().get::<Resource>() {
                parts.extensions.insert(*resource);
            }
            Ok(Response::from_parts(parts, body))
        }
    };
    browser.and(inner).and_then(dress).boxed()
}

/// The path, if pages are asked for there.
fn at(known: fn(&str) -> bool) -> impl Filter<Extract = (FullPath,), Error = Rejection> + Clone {
    warp::path::full().and_then(move |path: FullPath| {
        let found = known(path.as_str());
        async move { if found { Ok(path) } else { Err(warp::reject::not_found()) } }
    })
}

/// Whether a page has this shape of address.
pub(crate) fn is_page(path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or_default().split('/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some("" | "search" | "ask" | "verify" | "docs" | "agreements" | "findings"), None, None) => {
            path.starts_with('/')
        }
        (Some("r" | "m" | "d" | "p" | "a" | "f" | "assets"), Some(name), None) => !name.is_empty(),
        _ => false,
    }
}

/// Whether a form is sent to an address.
pub(crate) fn takes_form(path: &str) -> bool {
    takes(path).is_some()
}

/// How large a form may be that is sent to an address; `None` where no form is.
fn takes(path: &str) -> Option<usize> {
    match path {
        "/search" => Some(MAX_SEARCH),
        "/ask" | "/ask/proof" => Some(MAX_QUESTION),
        "/verify" => Some(MAX_VERIFY),
        _ => None,
    }
}

async fn show(path: FullPath, pages: Arc<Pages>, query: String, headers: HeaderMap) -> Answer {
    let app = Arc::clone(&pages.app);
    let page = heavy(move || {
        let request = Request { path: path.as_str(), query: &query, headers: &headers };
        pages.get(request).ok_or_else(|| Problem::not_found("there is no such address"))
    });
    within_room(&app, page.await??).await
}

/// A page in room of its own, if it is a large one: how large it becomes is known once it is made.
async fn within_room(app: &App, page: Response) -> Answer {
    let length = page.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let Some(reserved) = app.replies.reserve_if_large(length.unwrap_or(usize::MAX)).await? else { return Ok(page) };
    let (parts, mut body) = page.into_parts();
    let whole = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
    let whole = whole.and_then(|frame| frame.ok()?.into_data().ok());
    let whole = whole.ok_or_else(|| Problem::new(Code::Internal, "a page that was made is not there"))?;
    Ok(Response::from_parts(parts, reserved.fill(whole).into()))
}

async fn fill<S, B>(path: FullPath, pages: Arc<Pages>, peer: Peer, headers: HeaderMap, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let app = &pages.app;
    let takes = Takes { max: takes(path.as_str()).unwrap_or(0), json: false };
    let origin = app.limits.origin(&peer, &headers);
    let held = match app.bodies.read(&peer, origin, &headers, body, takes, |_| app.limits.query(origin)).await {
        Ok(held) => held,
        // Whoever sends a form waits for a page.
        Err(problem) => return heavy(move || pages.problem(problem, &headers)).await,
    };
    let app = Arc::clone(app);
    let page = heavy(move || {
        let request = Request { path: path.as_str(), query: "", headers: &headers };
        let answer = pages.post(request, &held.bytes);
        answer.ok_or_else(|| Problem::not_found("there is no such address"))
    });
    within_room(&app, page.await??).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn a_large_page_takes_room_until_it_is_gone_and_a_small_one_none() {
        let server = TestServer::start();
        let app = &server.app;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (length, held) in [(100_000, 100_000), (10_000, 0)] {
            let mut page = Response::new(vec![b'x'; length].into());
            *page.status_mut() = warp::http::StatusCode::ACCEPTED;
            let page = runtime.block_on(within_room(app, page)).unwrap();
            assert_eq!((page.status().as_u16(), page.body().size_hint().exact()), (202, Some(length as u64)));
            assert_eq!(app.replies.held(), held);
            drop(page);
            assert_eq!(app.replies.held(), 0);
        }
    }

    #[test]
    fn pages_are_at_their_addresses_and_nowhere_else() {
        for page in [
            "/",
            "/search",
            "/ask",
            "/verify",
            "/docs",
            "/r/0",
            "/m/x",
            "/d/x",
            "/p/a%2Fb",
            "/a/x",
            "/f/x",
            "/agreements",
            "/findings",
            "/assets/x.css",
        ] {
            assert!(is_page(page), "{page}");
        }
        for other in ["", "//", "/r", "/r/", "/r/0/", "/r/0/1", "/ask/proof", "/checkpoint", "/api/v1/records", "r/0"] {
            assert!(!is_page(other), "{other}");
        }
    }
}
