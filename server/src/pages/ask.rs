//! `/ask`: a question, looked up by this server and labelled as such.
//!
//! An answer is computed by the client, never by the server (DESIGN §7); this page is for those who have none. It takes
//! every parameter from the signed `manifest` record and checks its own files' replies as a client would, so that it says
//! `invalid` where a client would, and it hands out the replies for others to check.

mod answer;
mod dataset;
mod look;

use ledger::ids::{ContentKey, KeyspaceId};
use ledger::manifest::MetaMode;

use self::answer::answer;
use super::form::Form;
use super::question::Asked;
use super::read::Reading;
use super::view::ask::{Answered, AskPage, Typed};
use super::view::said::{Allowance, Said};
use super::{Request, reply};
use crate::closed::is_closed;
use crate::problem::{Answer, Problem};

pub(super) fn get(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    let page = page(reading, None, Typed::default(), None);
    Ok(reply::page(page.to_string(), request.headers))
}

pub(super) fn post(reading: &Reading<'_>, form: &Form) -> Answer {
    let field = |name| Ok::<_, Problem>(form.text(name)?.unwrap_or_default().chars().take(500).collect::<String>());
    let typed = Typed {
        url: field("url")?,
        wiki: field("wiki")?,
        title: field("title")?,
        page: field("page")?,
        revision: field("revision")?,
        digest: field("digest")?,
    };
    let question = match Asked::read(form) {
        Ok(Some(question)) => question,
        Ok(None) => {
            let wrong = Problem::bad_request("Nothing was asked", "fill in one of the fields");
            return Ok(refused(page(reading, None, typed, Some(&wrong)), &wrong));
        }
        Err(wrong) => return Ok(refused(page(reading, None, typed, Some(&wrong)), &wrong)),
    };
    let answered = answer(reading, &question)?;
    Ok(reply::answer(page(reading, Some(answered), typed, None).to_string()))
}

/// A proof to keep: the reply of a keyspace for one key, as `GET /manifests/…` gives it in the exact mode.
pub(super) fn proof(reading: &Reading<'_>, form: &Form) -> Answer {
    let read = |name: &str| form.text(name)?.ok_or_else(|| Problem::bad_request(name, "missing"));
    let id: KeyspaceId =
        read("keyspace")?.parse().map_err(|_| Problem::bad_request("keyspace", "not a keyspace's id"))?;
    let key: ContentKey = read("key")?.parse().map_err(|_| Problem::bad_request("key", "not a content key"))?;
    let files = reading.pages.app.log.manifests().files(&id)?;
    let files = files.ok_or_else(|| Problem::not_found("this log does not hold the files of that keyspace"))?;
    // Of a closed manifest no reply goes out in which the key stands among few.
    let deepest = files.keyspace().t();
    let depth = if is_closed(&reading.pages.app, &id)? { files.keyspace().depth_for(1000) } else { deepest };
    let proof = files.reply_for(&key, depth, MetaMode::Rows)?;
    let name = format!("{}-{}.reply", &id.to_hex()[..16], &key.to_hex()[..16]);
    Ok(reply::download(proof, "application/octet-stream", &name))
}

fn page(reading: &Reading<'_>, answered: Option<Answered>, typed: Typed, wrong: Option<&Problem>) -> AskPage {
    let mut shell = reading.shell("ask");
    shell.title = "Ask".to_owned();
    let wrong = wrong.map(|problem| {
        let error = problem.error();
        (Said::whole(error.place().unwrap_or("form")), Allowance::new(600).said(error.detail(), 300))
    });
    AskPage { shell, site: reading.site.clone(), answered, typed, wrong }
}

fn refused(page: AskPage, problem: &Problem) -> warp::reply::Response {
    let mut response = reply::answer(page.to_string());
    *response.status_mut() = problem.status();
    response
}
