//! What one dataset answers, in words, with who says to have used it and under which licence.

use ledger::ids::LeafIndex;
use ledger::manifest::{Citation, Question, Status};
use ledger::record::terms::NO_ASSERTION;

use super::super::model::model_of;
use super::super::named::Named;
use super::super::read::Reading;
use super::super::view::ask::{DatasetAnswer, Found, Used};
use super::super::view::moment::Moment;
use super::super::view::parts::Speaker;
use super::super::view::said::{Allowance, Said};
use super::super::view::seen::Seen;
use super::super::view::shell::Site;
use super::look::{Judged, Look};
use crate::problem::Problem;

/// Things found in one dataset, and models that used it, that are shown.
const MAX_LISTED: usize = 8;

/// A dataset that was asked, before it is put into words.
pub(super) struct Asked {
    pub(super) seen: Seen,
    pub(super) judged: Judged,
}

impl Asked {
    /// The answer as the page shows it.
    pub(super) fn shown(
        self,
        reading: &Reading<'_>,
        question: &Question,
        allowance: &mut Allowance,
    ) -> Result<DatasetAnswer, Problem> {
        let Self { mut seen, judged } = self;
        reading.settle(core::slice::from_mut(&mut seen))?;
        let card = seen.reference(&["dataset", "record"]).filter(|id| reading.index_of(*id).is_some());
        let citation = citation(reading, question, &seen, &judged);
        let around = match judged.status {
            Status::Present => Around::of(reading, &seen, allowance)?,
            _ => Around::default(),
        };
        let found_more = judged.found.len().saturating_sub(MAX_LISTED);
        let found = judged.found.into_iter().take(MAX_LISTED).map(|look| found(look, allowance)).collect();
        Ok(DatasetAnswer {
            found,
            found_more,
            name: allowance.said(seen.about().as_deref().unwrap_or("a dataset"), 120),
            href: card.map(|card| format!("/d/{card}")),
            index: seen.index,
            received: Moment::new(seen.received, reading.now),
            undone: seen.undone(),
            status: judged.status,
            permalink: permalink(&reading.site, seen.index),
            nearest: judged.nearest.iter().take(MAX_LISTED).map(|near| allowance.said(near, 120)).collect(),
            citation: allowance.said(&citation, 1_200),
            reason: allowance.said(&judged.reason, 200),
            licences: around.licences,
            licences_more: around.licences_more,
            models: around.models,
            models_more: around.models_more,
            proof: judged.missed.map(|(keyspace, key)| (keyspace.to_hex(), key.to_hex())),
            speaker: seen.speaker(allowance),
        })
    }
}

/// What the log says about a dataset in which something was found.
#[derive(Default)]
struct Around {
    licences: Vec<(Speaker, Said, LeafIndex)>,
    licences_more: bool,
    models: Vec<Used>,
    models_more: bool,
}

impl Around {
    fn of(reading: &Reading<'_>, manifest: &Seen, allowance: &mut Allowance) -> Result<Self, Problem> {
        let named = Named::of(reading, manifest)?;
        // A claim that only mentions the dataset, as its evidence, is about something else.
        let (claims, more_claims) = reading.still_made(&named.about(), "license-claim", MAX_LISTED)?;
        let licence = |claim: &Seen, allowance: &mut Allowance| {
            let text = claim.licence().map_or("nothing is asserted", |(text, _)| text);
            (claim.speaker(allowance), allowance.said(text, 120), claim.index)
        };
        let licences = claims.iter().map(|claim| licence(claim, allowance)).collect();
        let (uses, more_uses) = reading.still_made(&named.naming(), "training-source", MAX_LISTED)?;
        let model = |source: &Seen, allowance: &mut Allowance| {
            let (href, name) = model_of(reading, source);
            let name = allowance.said(&name, 120);
            Used { name, href, speaker: source.speaker(allowance), index: source.index }
        };
        let models = uses.iter().map(|source| model(source, allowance)).collect();
        let (licences_more, models_more) = (more_claims || named.cut, more_uses || named.cut);
        Ok(Self { licences, licences_more, models, models_more })
    }
}

fn found(look: Look, allowance: &mut Allowance) -> Found {
    Found {
        what: allowance.said(&look.what, 120),
        form: look.form,
        licence: look.licence.filter(|l| l != NO_ASSERTION).map(|licence| allowance.said(&licence, 120)),
        proof: (look.keyspace.to_hex(), look.key.to_hex()),
    }
}

/// An answer as wikitext, for a talk page.
fn citation(reading: &Reading<'_>, question: &Question, seen: &Seen, judged: &Judged) -> String {
    let asked = match (judged.status, &judged.parts) {
        (Status::Present, (found, missed)) => question.found_in_words(found, missed),
        _ => question.in_words(),
    };
    Citation {
        status: judged.status,
        asked: &asked,
        dataset: seen.about().as_deref().unwrap_or("a dataset"),
        issuer: &seen.issuer,
        index: seen.index.0,
        permalink: &permalink(&reading.site, seen.index),
        origin: reading.pages.app.log.origin().as_str(),
        size: reading.view.size.0,
        undone: !seen.stands(),
        date: &Moment::new(reading.now, reading.now).day(),
    }
    .wikitext()
}

fn permalink(site: &Site, index: LeafIndex) -> String {
    format!("{}/r/{index}", site.base)
}
