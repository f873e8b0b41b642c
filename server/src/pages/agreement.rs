//! `/a/<record id>`, `/agreements`, `/findings`, `/f/<id>`: what is agreed, and what does not fit together.

use ledger::ids::RecordId;
use ledger::state::AgreementView;

use super::read::Reading;
use super::view::agreement::{AgreementPage, AgreementsPage};
use super::view::findings::{FindingsPage, Shown};
use super::{Request, not_found, reply};
use crate::effective;
use crate::found::{Computed, Patience};
use crate::problem::Answer;
use crate::query::Query;

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
    let query = Query::parse(request.query, &["rule", "from"])?;
    let (rule, from) = (effective::rule(&query)?, query.value::<usize>("from")?.unwrap_or(0));
    let computed = Computed::wait(&reading.pages.app, &reading.view, Patience::Long)?;
    let shown = Shown::List { rule, from };
    let page = FindingsPage::new(reading.shell("findings"), reading.site.clone(), &computed, shown, reading.now);
    Ok(reply::page(page.to_string(), request.headers))
}

pub(super) fn finding(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let computed = Computed::wait(&reading.pages.app, &reading.view, Patience::Long)?;
    let one = computed.found.iter().find(|finding| finding.id.as_str() == name);
    let one = one.ok_or_else(|| {
        not_found("nothing of this id is found in the log as it is now; it may have been mended since")
    })?;
    let (shell, site) = (reading.shell("findings"), reading.site.clone());
    let page = FindingsPage::new(shell, site, &computed, Shown::One(one), reading.now);
    Ok(reply::page(page.to_string(), request.headers))
}
