//! `/a/<record id>`, `/agreements`, `/findings`, `/f/<id>`: what is agreed, and what does not fit together.

use ledger::ids::RecordId;
use ledger::state::AgreementView;

use super::read::Reading;
use super::view::agreement::{AgreementPage, AgreementsPage, FindingsPage};
use super::{Request, not_found, reply};
use crate::effective;
use crate::problem::Answer;

pub(super) fn agreement(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let id: RecordId = name.parse().map_err(|_| not_found("an agreement's address ends in its record id"))?;
    let log = &reading.pages.app.log;
    let found = effective::asked(log, &reading.view, reading.now, |asked| AgreementView::of(asked, id))?;
    let found = found.ok_or_else(|| not_found("no agreement of this log has this record id"))?;
    let page = AgreementPage::new(reading.shell("agreements"), reading.site.clone(), &found, reading.now);
    Ok(reply::page(page.to_string(), request.headers))
}

pub(super) fn agreements(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    let mut agreements: Vec<_> = reading.view.state.agreements().collect();
    agreements.sort_by_key(|(_, agreement)| std::cmp::Reverse(agreement.index));
    let page = AgreementsPage::new(reading.shell("agreements"), reading.site.clone(), &agreements, reading.now);
    Ok(reply::page(page.to_string(), request.headers))
}

pub(super) fn findings(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    let found = effective::of_the_log(&reading.pages.app, &reading.view)?;
    let page = FindingsPage::new(reading.shell("findings"), reading.site.clone(), &found, None, reading.now);
    Ok(reply::page(page.to_string(), request.headers))
}

pub(super) fn finding(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let found = effective::of_the_log(&reading.pages.app, &reading.view)?;
    let one: Vec<_> = found.iter().filter(|finding| finding.id.as_str() == name).cloned().collect();
    if one.is_empty() {
        return Err(not_found("nothing of this id is found in the log as it is now; it may have been mended since"));
    }
    let page = FindingsPage::new(reading.shell("findings"), reading.site.clone(), &one, Some(name), reading.now);
    Ok(reply::page(page.to_string(), request.headers))
}
