//! `/m/<digest or record id>`.

use ledger::record::kind::Kind;
use ledger::state::Item;

use super::Request;
use super::card::Asked;
use super::read::Reading;
use super::view::model::ModelPage;
use super::view::seen::Seen;
use crate::problem::Answer;

pub(super) fn model(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let asked = Asked::read(reading, &Kind::ModelCard, name, request)?;
    let sources: Vec<&Item> = asked.view().sources().collect();
    let total = sources.len();
    let known = asked.known(sources, &[])?;
    let (shell, site) = (reading.shell(""), reading.site.clone());
    let page = reading.around(|around| ModelPage::new(shell, site, &known, asked.cut(total), around));
    Ok(asked.answer(page, &known))
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
