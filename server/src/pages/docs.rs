//! `/docs`: what this is, what it shows and does not show, how to check it.

use askama::Template;
use warp::reply::Response;

use super::read::Reading;
use super::view::shell::{Shell, Site};
use super::{Request, reply};

#[derive(Debug, Template)]
#[template(path = "docs.html")]
struct Docs {
    shell: Shell,
    site: Site,
    origin: String,
}

pub(super) fn docs(reading: &Reading<'_>, request: Request<'_>) -> Response {
    let mut shell = reading.shell("docs");
    shell.title = "About this log".to_owned();
    let origin = reading.pages.app.log.origin().to_string();
    reply::page(Docs { shell, site: reading.site.clone(), origin }.to_string(), request.headers)
}
