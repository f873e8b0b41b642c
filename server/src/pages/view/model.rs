//! `/m/<digest or record id>`: a model, and what was said about it.

use askama::Template;

use super::card::{CardHead, Known, Sections, Thing};
use super::facts::Around;
use super::said::Allowance;
use super::shell::{Shell, Site};
use super::sources::{Cut, Other};

/// What pages call it.
const MODEL: Thing = Thing {
    title: "Model",
    word: "model",
    page: "m",
    api: "models",
    first: &["version", "base_model", "pipeline_tag", "language", "license", "limitation", "considerations"],
    skip: &["issuer", "issued", "model_name"],
};

/// The page of a model.
#[derive(Debug, Template)]
#[template(path = "model.html")]
pub struct ModelPage {
    shell: Shell,
    site: Site,
    card: CardHead,
    sections: Sections,
}

impl ModelPage {
    /// The page of the model that `known` is about; `None` if no card of it can be read.
    pub fn new(mut shell: Shell, site: Site, known: &Known, cut: Cut<'_>, around: &Around<'_>) -> Option<Self> {
        let mut allowance = Allowance::default();
        let card = known.card()?;
        let head = CardHead::new(&MODEL, card, known.newer, around.now, &mut allowance)?;
        let list = (&Other::Datasets(&card.issuer), cut);
        let sections = Sections::new(&MODEL, card, known, list, around, &mut allowance)?;
        shell.title = head.title();
        shell.partial |= sections.partial;
        Some(Self { shell, site, card: head, sections })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ledger::ids::LeafIndex;

    use super::super::card::fixture::*;
    use super::super::seen::fixture::seen;
    use super::*;
    use serde_json::json;

    fn html(known: &Known) -> Option<String> {
        let cut = Cut { from: 0, path: "/m/x", capped: false };
        Some(ModelPage::new(shell(), site(), known, cut, &AROUND)?.to_string())
    }

    #[test]
    fn u09_a_model_of_290_sources_is_a_light_page() {
        let html = html(&known()).unwrap();
        super::super::gallery::keep("model", &html);
        assert!(html.contains("1,170,102,295") && html.contains("Apache-2.0") && html.contains(">compatible</span>"));
        assert!(html.len() < 50_000, "{}", html.len());
    }

    #[test]
    fn every_claim_is_somebodys() {
        let html = html(&known()).unwrap();
        for name in ["Heron Lab", "Wheelwright Packaging", "Owl Audit Collective"] {
            assert!(html.contains(&format!("<bdi dir=\"auto\">{name}</bdi>")), "{name}");
        }
        assert!(!html.contains("✓"), "nothing here was checked by the page");
    }

    #[test]
    fn the_newest_card_that_its_issuer_stands_by_is_shown() {
        let mut known = known();
        known.cards[0].fate.superseded_by = Some(LeafIndex(400));
        let newer = seen(400, "model-card", "heron-lab", "model.safetensors", json!({"model_name": "newer"}));
        known.cards.push(newer);
        assert!(html(&known).unwrap().contains("<h1><bdi dir=\"auto\">newer</bdi></h1>"));
        known.cards[1].content = None;
        assert!(html(&known).unwrap().contains("heron-minilm-l6-v2"), "a redacted card cannot be shown");
        known.cards.clear();
        assert!(html(&known).is_none());
    }

    #[test]
    fn b20_u09_the_worst_text_everywhere_is_text_and_fits() {
        let worst = |n: usize| format!("<script>alert(1)</script>\u{202E}'\"&{}", "<".repeat(n));
        let mut known = known();
        let lists = [&mut known.cards, &mut known.sources, &mut known.claims, &mut known.audits];
        for seen in lists.into_iter().flatten() {
            let content = seen.content.as_mut().unwrap();
            for (_, value) in &mut content.predicate {
                *value = match value {
                    serde_json::Value::Object(members) => {
                        members.iter().map(|(name, _)| (name.clone(), json!(worst(9_000)))).collect()
                    }
                    _ => json!(worst(9_000)),
                };
            }
            for i in 0..300 {
                content.predicate.insert(worst(i), json!([worst(i)]));
            }
            content.subjects[0].name = Some(worst(5_000));
        }
        let others =
            (0..10).map(|i| seen(500 + i, &worst(40), &"\"".repeat(255), &worst(900), json!({"x": worst(9_000)})));
        known.others = others.collect();
        let html = html(&known).unwrap();
        assert!(!html.contains("<script") && !html.contains("\u{202E}"));
        assert!(html.len() < 50_000, "{}", html.len());
    }
}
