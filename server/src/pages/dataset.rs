//! `/d/<digest or record id>`.

use ledger::record::kind::Kind;

use super::Request;
use super::card::{Asked, MAX_SHOWN};
use super::model::model_of;
use super::read::Reading;
use super::view::dataset::{DatasetPage, Lookup};
use crate::problem::Answer;

pub(super) fn dataset(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let asked = Asked::read(reading, &Kind::DatasetCard, name, request)?;
    let (manifests, uses) = (&asked.view().manifests, &asked.view().used_by);
    let manifests = reading.newest(manifests.iter().collect(), MAX_SHOWN)?;
    let known = asked.known(uses.iter().collect(), &[Kind::Manifest])?;
    let cut = asked.cut(uses.len());
    let lookup = Lookup { model: &|source| model_of(reading, source), held: &|id| held(reading, id) };
    let (shell, site) = (reading.shell(""), reading.site.clone());
    let page = reading.around(|around| DatasetPage::new(shell, site, (&known, &manifests), cut, &lookup, around));
    Ok(asked.answer(page, &known))
}

fn held(reading: &Reading<'_>, id: &str) -> bool {
    id.parse().is_ok_and(|id| reading.pages.app.log.manifests().holds(&id))
}
