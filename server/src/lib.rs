//! The HTTP side of a Colophon log.
//!
//! warp filters on an accept loop of our own. Handlers read one published view of the log and answer from it; they
//! hold no state, follow no address and decompress nothing. What a handler refuses becomes a [`problem`].
//!
//! Start reading at [`routes`], then at [`serve`]; one file per resource.

mod activity;
mod app;
mod batch;
pub mod body;
mod cards;
mod closed;
mod connection;
mod cors;
mod crowd;
pub mod effective;
pub mod found;
pub mod index;
mod limits;
mod looking;
mod manifests;
pub mod metrics;
mod openapi;
mod operation;
pub mod pages;
mod parties;
mod preferences;
pub mod problem;
mod profile;
pub mod query;
mod range;
mod receipt;
mod records;
pub mod replies;
mod route;
pub mod serve;
mod submit;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tiles;
mod uploads;

use std::sync::Arc;

use ledger::Code;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reject::MethodNotAllowed;
use warp::reply::Response;
use warp::{Filter, Rejection};

pub use activity::Deadlines;
pub use app::{App, Options};
pub use connection::Peer;

use crate::problem::Problem;

/// The allocator of every program that can serve. A request makes some hundred small allocations, and sled copies a page for
/// every row: with glibc's a fifth of all time went there (docs/PERFORMANCE.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Everything that this server answers.
pub fn routes(app: Arc<App>) -> BoxedFilter<(Response,)> {
    let pages = Arc::new(pages::Pages::new(Arc::clone(&app)));
    let rest = records::routes(&app)
        .or(index::routes(&app))
        .unify()
        .or(uploads::routes(&app))
        .unify()
        .or(parties::routes(&app))
        .unify()
        .or(effective::routes(&app))
        .unify()
        .or(preferences::routes(&app))
        .unify()
        .or(operation::routes(&app))
        .unify()
        .or(pages::of_pages(&pages))
        .unify()
        .boxed();
    // What is asked most comes first and stands on top: each route that does not match costs a little, and so does each `or`
    // above one that does.
    let known =
        submit::routes(&app).or(tiles::routes(&app)).unify().or(manifests::routes(&app)).unify().or(rest).unify();
    pages::dressed(&pages, one_spelling().and(known).recover(nothing_here).unify().boxed())
}

/// warp takes a slash at the end for none. An address has one spelling here, so that caches hold one answer.
fn one_spelling() -> BoxedFilter<()> {
    let spelt = |path: FullPath| async move {
        let path = path.as_str();
        if path == "/" || !path.ends_with('/') { Ok(()) } else { Err(warp::reject::not_found()) }
    };
    warp::path::full().and_then(spelt).untuple_one().boxed()
}

/// What is left when no route took a request.
async fn nothing_here(rejection: Rejection) -> Result<Response, Rejection> {
    let problem = if rejection.find::<MethodNotAllowed>().is_some() {
        Problem::new(Code::MethodNotAllowed, "this address exists and takes other methods")
    } else {
        Problem::not_found("there is no such address")
    };
    Ok(problem.into_response())
}
