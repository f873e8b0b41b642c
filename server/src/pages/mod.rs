//! The pages that people read. They work without JavaScript and fetch nothing from elsewhere.
//!
//! One file per page: it reads the log ([`read`]), makes a plain value of what it found ([`view`]), and the template in
//! `templates/` turns that into markup. What others wrote reaches a template only as [`view::said::Said`], which escapes
//! and isolates itself. Nothing that a reader types is kept, and what may be private is sent in a body, never in an
//! address.

mod agreement;
mod ask;
pub mod assets;
mod card;
mod dataset;
mod docs;
mod form;
mod home;
mod model;
mod named;
mod names;
mod party;
mod question;
mod read;
mod record;
mod reply;
mod routes;
mod search;
#[cfg(test)]
mod tests;
mod verify;
pub mod view;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ledger::ids::LeafIndex;
use ledger::note::Policy;
use warp::http::header::{self, HeaderMap};
use warp::reply::Response;

use self::form::Form;
use self::names::Names;
use self::read::Reading;
use self::view::shell::Shell;
use crate::App;
use crate::problem::{Answer, Problem};

pub use self::reply::CONTENT_SECURITY_POLICY;
pub use self::routes::routes;
pub(crate) use self::routes::{dressed, is_page, of_pages, takes_form};

/// What all pages of a server share.
#[derive(Debug)]
pub struct Pages {
    app: Arc<App>,
    names: Mutex<Names>,
    /// Held by the one request that reads further names.
    reads_names: Mutex<()>,
    policy: Mutex<Option<(LeafIndex, Policy)>>,
}

/// A request for a page, as far as pages look at it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The path, percent-encoded as it came.
    pub path: &'a str,
    /// The part after the question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
}

impl Pages {
    /// The pages of a server.
    pub fn new(app: Arc<App>) -> Self {
        Self { app, names: Mutex::default(), reads_names: Mutex::default(), policy: Mutex::default() }
    }

    /// The page at an address; `None` if no page has it. Reads from disk.
    pub fn get(&self, request: Request<'_>) -> Option<Response> {
        let mut segments = request.path.strip_prefix('/')?.split('/');
        let (first, second) = (segments.next()?, segments.next());
        if segments.next().is_some() {
            return None;
        }
        let answer = match (first, second) {
            ("", None) => self.reading(request, |reading| home::home(reading, request)),
            ("search", None) => self.reading(request, |reading| search::get(reading, request)),
            ("r", Some(name)) => self.reading(request, |reading| record::record(reading, name, request)),
            ("m", Some(name)) => self.reading(request, |reading| model::model(reading, name, request)),
            ("d", Some(name)) => self.reading(request, |reading| dataset::dataset(reading, name, request)),
            ("p", Some(name)) => self.reading(request, |reading| party::party(reading, name, request)),
            ("a", Some(name)) => self.reading(request, |reading| agreement::agreement(reading, name, request)),
            ("agreements", None) => self.reading(request, |reading| agreement::agreements(reading, request)),
            ("findings", None) => self.reading(request, |reading| agreement::findings(reading, request)),
            ("f", Some(name)) => self.reading(request, |reading| agreement::finding(reading, name, request)),
            ("ask", None) => self.reading(request, |reading| ask::get(reading, request)),
            ("verify", None) => self.reading(request, |reading| verify::get(reading, request)),
            ("docs", None) => self.reading(request, |reading| Ok(docs::docs(reading, request))),
            ("assets", Some(_)) => Ok(reply::asset(assets::find(request.path)?)),
            _ => return None,
        };
        Some(self.respond(answer, request.headers))
    }

    /// The answer to a form; `None` if there is none at that address. Reads from disk.
    pub fn post(&self, request: Request<'_>, body: &Bytes) -> Option<Response> {
        let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let form = || Form::parse(content_type, body);
        let answer = match request.path {
            "/search" => form().and_then(|form| self.reading(request, |reading| search::post(reading, &form))),
            "/ask" => form().and_then(|form| self.reading(request, |reading| ask::post(reading, &form))),
            "/ask/proof" => form().and_then(|form| self.reading(request, |reading| ask::proof(reading, &form))),
            "/verify" => form().and_then(|form| self.reading(request, |reading| verify::post(reading, &form))),
            _ => return None,
        };
        Some(self.respond(answer, request.headers))
    }

    /// A problem as a page, for browsers that asked for anything at all.
    pub fn problem(&self, problem: Problem, headers: &HeaderMap) -> Response {
        let shell = Reading::new(self, host(headers)).map(|reading| reading.shell(""));
        reply::problem(problem, shell.unwrap_or_else(|| Shell::new("", "", None)))
    }

    fn respond(&self, answer: Answer, headers: &HeaderMap) -> Response {
        answer.unwrap_or_else(|problem| self.problem(problem, headers))
    }

    fn reading(&self, request: Request<'_>, page: impl FnOnce(&Reading<'_>) -> Answer) -> Answer {
        match Reading::new(self, host(request.headers)) {
            Some(reading) => page(&reading),
            None if request.path == "/" => Ok(reply::page(home::empty().to_string(), request.headers)),
            None => Err(not_found("no checkpoint has been published yet")),
        }
    }

    /// The policy that the entry at `index` states, if it was read before.
    fn policy_at(&self, index: LeafIndex) -> Option<Policy> {
        let kept = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| *at == index).map(|(_, policy)| policy.clone())
    }

    fn keep_policy(&self, index: LeafIndex, policy: Policy) {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) = Some((index, policy));
    }
}

/// Whether a client would rather have a page than `application/problem+json`: browsers say `text/html`, programs do not.
pub fn prefers_pages(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|list| list.split(',')).any(|range| {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        kind.trim().eq_ignore_ascii_case("text/html") && !is_refused(parameters)
    })
}

/// Whether the weight among the parameters of a media range is zero (RFC 9110, section 12.4.2).
fn is_refused(parameters: &str) -> bool {
    let mut named = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let weight = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|host| host.to_str().ok())
}

fn not_found(detail: impl Into<String>) -> Problem {
    Problem::not_found(detail)
}
