//! The small things that stand on many pages: a digest, who speaks, a record in a list.
//!
//! Each writes its own markup, the same everywhere. What others wrote is in them as [`Said`].

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, RecordId};

use super::moment::Moment;
use super::said::{Allowance, Said};
use crate::query::encode;

/// A digest or another long id: wraps, reads from left to right, is selected whole by one click.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(source = r#"<code class="hash">{{ text }}</code>"#, ext = "html")]
pub struct Hash {
    text: String,
}

impl Hash {
    /// Shows a digest.
    pub fn new(digest: impl ToString) -> Self {
        Self { text: digest.to_string() }
    }
}

impl HtmlSafe for Hash {}

/// Whose words something is: the party that the signing key belongs to, and the name that it gives itself.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<a href="/p/{{ segment }}">{% if let Some(name) = name %}{{ name }}{% else %}{{ id }}{% endif %}</a>
        {%- if name.is_some() %} <span class="soft">({{ id }})</span>{% endif %}
        {%- if let Some(by) = vouched %} <a class="tag mute" href="/r/{{ by }}">vouched for</a>{% else if unvouched %} <span class="tag warn">unvouched</span>{% endif %}"#,
    ext = "html"
)]
pub struct Speaker {
    id: Said,
    segment: String,
    name: Option<Said>,
    unvouched: bool,
    vouched: Option<LeafIndex>,
}

impl Speaker {
    /// The party `id`, which calls itself `name`.
    pub fn new(id: &str, name: Option<&str>, allowance: &mut Allowance) -> Self {
        let name =
            name.filter(|name| *name != id).map(|name| allowance.said(name, 120)).filter(|name| !name.is_empty());
        // An id of no party is one key: the first digits tell it apart, the page behind the link has it whole.
        let unvouched = id.starts_with("key:");
        let shown = match id.get(..20) {
            Some(head) if unvouched => format!("{head}…"),
            _ => id.to_owned(),
        };
        let segment = encode(id);
        allowance.spend(segment.len());
        Self { id: allowance.said(&shown, 255), segment, name, unvouched, vouched: None }
    }

    /// The same, where a steward vouches in the entry `by` for what the key said.
    pub const fn vouched_for(mut self, by: LeafIndex) -> Self {
        self.vouched = Some(by);
        self
    }

    /// Whether no party of the log answers for the key.
    pub const fn is_unvouched(&self) -> bool {
        self.unvouched && self.vouched.is_none()
    }

    /// The name, or the id where there is none, without markup.
    pub fn plain(&self) -> &str {
        self.name.as_ref().unwrap_or(&self.id).plain()
    }
}

impl HtmlSafe for Speaker {}

/// One record in a list of records.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<li><p class="at"><a href="/r/{{ index }}"><span class="hidden">Record </span>{{ index }}</a></p><div>
<p class="about">{% if let Some(about) = about %}<a href="{{ href }}">{{ about }}</a>{% else %}<a href="{{ href }}">redacted</a>{% endif %}{% if let Some((of, href)) = of %} <span class="of">for <a href="{{ href }}">{{ of }}</a></span>{% endif %}{% if let Some((word, by)) = undone %} <a class="tag warn" href="/r/{{ by }}">{{ word }}</a>{% endif %}</p>
<p class="small"><span class="kind">{{ kind }}</span> {{ speaker }} · {{ received }}</p></div></li>"#,
    ext = "html"
)]
pub struct RecordLine {
    /// Where it stands in the log.
    pub index: LeafIndex,
    /// The page to go to.
    pub href: String,
    /// What it is about; `None` if its body was redacted.
    pub about: Option<Said>,
    /// The model, dataset or record that it speaks of, with its page.
    pub of: Option<(Said, String)>,
    /// What kind of record it is, in words.
    pub kind: Said,
    /// Whose words it is.
    pub speaker: Speaker,
    /// When the log took it in.
    pub received: Moment,
    /// What its issuer said about it later, and where.
    pub undone: Option<(&'static str, LeafIndex)>,
}

impl HtmlSafe for RecordLine {}

/// A link to another record, by its index where the log holds it.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"{% match index %}{% when Some(index) %}<a href="/r/{{ index }}">record {{ index }}</a>{% when None %}<span class="soft">not in this log</span>{% endmatch %} {{ id }}"#,
    ext = "html"
)]
pub struct RecordLink {
    index: Option<LeafIndex>,
    id: Hash,
}

impl RecordLink {
    /// The record `id`, which stands at `index` if this log has it.
    pub fn new(id: RecordId, index: Option<LeafIndex>) -> Self {
        Self { index, id: Hash::new(id) }
    }
}

impl HtmlSafe for RecordLink {}

/// `1170060424` as `1,170,060,424`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b20_a_speaker_is_shown_as_text_with_the_id_beside_the_name() {
        let mut allowance = Allowance::default();
        let html = Speaker::new("heron-lab", Some("<b>Heron</b>"), &mut allowance).to_string();
        assert!(!html.contains("<b>") && html.contains("heron-lab</bdi>)"), "{html}");
        let unvouched = Speaker::new(&format!("key:{}", "ab".repeat(32)), Some("Anna"), &mut allowance).to_string();
        assert!(unvouched.contains("unvouched") && unvouched.contains("key:abababababababab…"), "{unvouched}");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_170_060_424), "1,170,060,424");
    }
}
