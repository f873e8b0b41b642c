//! `/d/<digest or record id>`.

use super::model::{MAX_LISTED, MAX_SHOWN, Thing, others};
use super::read::Reading;
use super::view::dataset::{DatasetPage, Known, Lookup};
use super::view::seen::Seen;
use super::view::sources::Cut;
use super::{Request, not_found, reply};
use crate::problem::Answer;
use crate::query::Query;

/// Manifests of one dataset that others are looked for by.
const MAX_MANIFESTS: usize = 8;

pub(super) fn dataset(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let query = Query::parse(request.query, &["from"])?;
    let from: usize = query.value("from")?.unwrap_or(0);
    let Thing { cards, mut entries, capped } = Thing::find(reading, name, "dataset-card")?;
    if cards.is_empty() {
        return Err(not_found(
            "no dataset card of this log has this record id, or is about an artefact of this digest",
        ));
    }
    // A card may name its manifest, instead of the manifest the card.
    for id in cards.iter().filter_map(|card| card.reference(&["manifest"])) {
        entries.extend(reading.pages.app.log.find_record(&reading.view, id)?);
    }
    // A model that used the dataset may name its manifest and not its card.
    let manifests: Vec<_> = entries.iter().filter(|entry| entry.header.kind == "manifest").cloned().collect();
    for manifest in manifests.iter().rev().take(MAX_MANIFESTS) {
        entries.extend(reading.about(Some(manifest.header.record), &[])?.0);
    }
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    let read = |kind: &str, limit| reading.newest_of(&entries, kind, limit);
    let shown = ["training-source", "license-claim", "audit-attestation", "manifest", "dataset-card"];
    let mut others = others(reading, &entries, &shown)?;
    reading.name_subjects(&mut others)?;
    let uses = entries.iter().filter(|entry| entry.header.kind == "training-source").count();
    let known = Known {
        manifests: read("manifest", MAX_SHOWN)?,
        uses: read("training-source", MAX_LISTED)?,
        capped: capped || uses > MAX_LISTED,
        claims: read("license-claim", MAX_SHOWN)?,
        audits: read("audit-attestation", MAX_SHOWN)?,
        others,
        shown: name.parse().ok(),
        cards,
    };
    let path = format!("/d/{name}");
    let cut = Cut { from, path: &path, capped: known.capped };
    let lookup = Lookup { model: &|source| model_of(reading, source), held: &|id| held(reading, id) };
    let (shell, site) = (reading.shell(""), reading.site.clone());
    let page = reading.around(|around| DatasetPage::new(shell, site, &known, cut, &lookup, around));
    let Some(page) = page else {
        let card = known.cards.last().map_or_else(|| "/".to_owned(), |card| format!("/r/{}", card.index));
        return Ok(reply::see_other(&card));
    };
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
