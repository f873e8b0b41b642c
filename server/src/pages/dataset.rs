//! `/d/<digest or record id>`.

use ledger::record::kind::Kind;

use super::model::{MAX_LISTED, MAX_SHOWN, around, cards, claims, find, newer, of_record, others};
use super::read::Reading;
use super::view::dataset::{DatasetPage, Known, Lookup};
use super::view::seen::Seen;
use super::view::sources::Cut;
use super::{Request, not_found, reply};
use crate::problem::Answer;
use crate::query::Query;

pub(super) fn dataset(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let query = Query::parse(request.query, &["from"])?;
    let from: usize = query.value("from")?.unwrap_or(0);
    let card = find(reading, name, &Kind::DatasetCard)?.ok_or_else(|| {
        not_found("no dataset card of this log has this record id, or is about an artefact of this digest")
    })?;
    let cards = cards(reading, &card)?;
    let (manifests, uses) = (&card.view.manifests, &card.view.used_by);
    let shown = [Kind::TrainingSource, Kind::LicenseClaim, Kind::AuditAttestation, Kind::Manifest, Kind::DatasetCard];
    let mut known = Known {
        manifests: reading.newest(manifests.iter().collect(), MAX_SHOWN)?,
        capped: uses.len() > MAX_LISTED,
        uses: reading.newest(uses.iter().collect(), MAX_LISTED)?,
        claims: claims(reading, &card)?,
        licenses: card.view.licenses.clone(),
        audits: reading.newest(card.view.audits.iter().map(|audit| &audit.item).collect(), MAX_SHOWN)?,
        around: around(reading, &card)?,
        others: others(reading, &card, &shown)?,
        shown: Some(card.record),
        newer: newer(&card),
        cards,
    };
    known.capped |= reading.looking.is_capped();
    reading.leave_out(usize::from(known.capped));
    let path = format!("/d/{name}");
    let cut = Cut { from, path: &path, capped: known.capped };
    let lookup = Lookup { model: &|source| model_of(reading, source), held: &|id| held(reading, id) };
    let (shell, site) = (reading.shell(""), reading.site.clone());
    let page = reading.around(|around| DatasetPage::new(shell, site, &known, cut, &lookup, around));
    let Some(page) = page else { return Ok(reply::see_other(&of_record(&known.cards))) };
    Ok(reply::page(page.to_string(), request.headers))
}

/// The address and the name of the model that a `training-source` is about.
pub(super) fn model_of(reading: &Reading<'_>, source: &Seen) -> (Option<String>, String) {
    let Some(subject) = source.subjects.first().copied() else { return (None, "a model".to_owned()) };
    let card = reading.thing(subject).ok().flatten().filter(|thing| thing.kind == "model-card");
    let written = || source.content.as_ref()?.subjects.first()?.name.clone();
    let name = card.as_ref().and_then(Seen::about).or_else(written);
    let href = match &card {
        Some(card) => card.href(),
        None => format!("/?subject={subject}"),
    };
    (Some(href), name.unwrap_or_else(|| "a model".to_owned()))
}

fn held(reading: &Reading<'_>, id: &str) -> bool {
    id.parse().is_ok_and(|id| reading.pages.app.log.manifests().holds(&id))
}
