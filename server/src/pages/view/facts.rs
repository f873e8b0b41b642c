//! What a record says, member by member, as a reader sees it.
//!
//! Known members come first and have their names in words; members that the kind does not have are shown as they were
//! signed, and marked. Nothing is left out in silence: where a page is full, it says so and points to the record.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, RecordId, UnixMillis, from_hex};
use ledger::record::terms::NO_ASSERTION;
use serde_json::{Map, Value};

use super::moment::Moment;
use super::parts::{Hash, RecordLink};
use super::said::{Allowance, Said};

/// Below this depth a value is shown as the JSON that it is: indentation would leave no room for words.
const MAX_DEPTH: usize = 4;

/// Characters of one text. Longer ones end in an ellipsis; the whole record is one link away.
const MAX_TEXT: usize = 2_000;

/// Bytes from which a text of several lines is closed until it is asked for.
const FOLDED_FROM: usize = 600;

/// Facts of one record. A card of 10,000 members would be a page of markup alone.
const MAX_FACTS: usize = 120;

/// One member and its value. In a template, inside of `<dl class="facts">`: `{{ fact }}`.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<dt>{{ label }}</dt><dd{% if unknown %} class="unknown"{% endif %}>{{ shown }}{% if unknown %} <span class="tag mute">not a member of this kind</span>{% endif %}</dd>"#,
    ext = "html"
)]
pub struct Fact {
    label: Said,
    shown: Shown,
    unknown: bool,
}

impl HtmlSafe for Fact {}

/// A value, by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(ext = "html")]
pub enum Shown {
    /// A text of one line.
    #[template(source = "{{ self.0 }}")]
    Text(Said),
    /// A text of many lines.
    #[template(source = r#"<div class="long" dir="auto">{{ self.0 }}</div>"#)]
    Long(Said),
    /// A text of many lines, closed until it is asked for: its beginning, and all of it as it was written.
    #[template(
        source = r#"<details><summary>{{ self.0 }}</summary><div class="long" dir="auto">{{ self.1 }}</div></details>"#
    )]
    Folded(Said, Said),
    /// An address that a reader may follow.
    #[template(source = r#"<a href="{{ self.0 }}" rel="nofollow ugc noreferrer">{{ self.1 }}</a>"#)]
    Address(String, Said),
    /// Another record.
    #[template(source = "{{ self.0 }}")]
    Record(RecordLink),
    /// A digest.
    #[template(source = "{{ self.0 }}")]
    Digest(Hash),
    /// A moment.
    #[template(source = "{{ self.0 }}")]
    At(Moment),
    /// Explicitly nothing.
    #[template(source = r#"<span class="soft">nothing is asserted</span>"#)]
    NoAssertion,
    /// A list of short words.
    #[template(source = "{% for word in self.0 %}{% if !loop.first %}, {% endif %}{{ word }}{% endfor %}")]
    Words(Vec<Said>),
    /// A list.
    #[template(source = "<ul>{% for item in self.0 %}<li>{{ item }}</li>{% endfor %}</ul>")]
    Items(Vec<Shown>),
    /// Members.
    #[template(source = r#"<dl class="facts">{% for fact in self.0 %}{{ fact }}{% endfor %}</dl>"#)]
    Members(Vec<Fact>),
}

impl HtmlSafe for Shown {}

/// All facts of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// In the order in which they are shown.
    pub facts: Vec<Fact>,
    /// Whether some are only in the record itself.
    pub more: bool,
}

/// What a fact may need to know beyond the record.
pub struct Around<'a> {
    /// Where this log has a record.
    pub index_of: &'a dyn Fn(RecordId) -> Option<LeafIndex>,
    /// The time of the page.
    pub now: UnixMillis,
}

/// Shows the members of a predicate. `first` are shown before the others, in that order; `skip` are shown elsewhere on the
/// page; `unknown` says which the kind does not have.
pub fn of_predicate(
    members: &Map<String, Value>,
    first: &[&str],
    skip: &[&str],
    unknown: &dyn Fn(&str) -> bool,
    around: &Around<'_>,
    allowance: &mut Allowance,
) -> Facts {
    let mut reader = Reader { around, allowance, left: MAX_FACTS, more: false };
    let ordered = first.iter().filter_map(|name| members.get_key_value(*name));
    let rest = members.iter().filter(|(name, _)| !first.contains(&name.as_str()));
    let mut facts: Vec<Fact> = ordered
        .chain(rest)
        .filter(|(name, _)| !skip.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let mut fact = reader.fact(name, value, 1)?;
            fact.unknown = unknown(name);
            Some(fact)
        })
        .collect();
    facts.sort_by_key(|fact| fact.unknown);
    Facts { facts, more: reader.more }
}

struct Reader<'a, 'b> {
    around: &'a Around<'a>,
    allowance: &'b mut Allowance,
    left: usize,
    more: bool,
}

impl Reader<'_, '_> {
    fn fact(&mut self, name: &str, value: &Value, depth: usize) -> Option<Fact> {
        if !self.take() {
            return None;
        }
        let label = self.allowance.said(&words(name), 80);
        Some(Fact { label, shown: self.value(name, value, depth), unknown: false })
    }

    /// Makes room for one more fact or item.
    fn take(&mut self) -> bool {
        let room = self.left > 0 && !self.allowance.is_spent();
        self.left = self.left.saturating_sub(1);
        self.more |= !room;
        room
    }

    fn value(&mut self, name: &str, value: &Value, depth: usize) -> Shown {
        match value {
            Value::Array(items) if !items.is_empty() && items.iter().all(is_word) => {
                let mut words = Vec::new();
                for item in items.iter().filter_map(Value::as_str) {
                    if !self.take() {
                        break;
                    }
                    words.push(self.said(item));
                }
                Shown::Words(words)
            }
            Value::Array(items) if depth < MAX_DEPTH && !items.is_empty() => {
                let mut shown = Vec::new();
                for item in items {
                    if !self.take() {
                        break;
                    }
                    // A list has no names to indent; lists of lists are bounded by the reader's own depth.
                    shown.push(self.value(name, item, depth + usize::from(item.is_array())));
                }
                match shown.len() {
                    1 => shown.remove(0),
                    _ => Shown::Items(shown),
                }
            }
            Value::Object(members) if depth < MAX_DEPTH && !members.is_empty() => {
                Shown::Members(members.iter().filter_map(|(name, value)| self.fact(name, value, depth + 1)).collect())
            }
            Value::Array(_) | Value::Object(_) => Shown::Text(self.said(&value.to_string())),
            Value::String(text) => self.text(name, text),
            Value::Bool(true) => Shown::Text(Said::whole("yes")),
            Value::Bool(false) => Shown::Text(Said::whole("no")),
            Value::Null => Shown::Text(Said::whole("null")),
            Value::Number(number) => Shown::Text(Said::whole(&match number.as_u64() {
                // A year or a port is no quantity.
                Some(n) if n >= 10_000 => super::parts::thousands(n),
                _ => number.to_string(),
            })),
        }
    }

    fn text(&mut self, name: &str, text: &str) -> Shown {
        if text == NO_ASSERTION {
            return Shown::NoAssertion;
        }
        if let Some(id) = RecordId::from_reference(text) {
            return Shown::Record(RecordLink::new(id, (self.around.index_of)(id)));
        }
        if from_hex(text).is_ok() {
            return Shown::Digest(Hash::new(text));
        }
        let moment = (text.len() >= 20 && text.ends_with('Z')).then(|| Moment::parse(text, self.around.now)).flatten();
        if let Some(moment) = moment {
            return Shown::At(moment);
        }
        let said = self.said(text);
        if is_address(text) && !said.is_cut() {
            self.allowance.spend(text.len());
            return Shown::Address(text.to_owned(), said);
        }
        match name {
            "publicKey" | "nonce" => Shown::Digest(Hash::new(said.plain())),
            // Such as the Markdown of a card: shown as it was written, never rendered.
            _ if text.contains('\n') && text.len() > FOLDED_FROM => {
                let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                Shown::Folded(self.allowance.said(first.trim(), 80), said)
            }
            _ if text.contains('\n') => Shown::Long(said),
            _ => Shown::Text(said),
        }
    }

    fn said(&mut self, text: &str) -> Said {
        let said = self.allowance.said(text, MAX_TEXT);
        self.more |= said.is_cut();
        said
    }
}

/// Whether a value is one of the short words that lists are often made of.
fn is_word(value: &Value) -> bool {
    let plain = |text: &str| text.len() <= 40 && !text.contains([',', '\n', ':', '/']) && text != NO_ASSERTION;
    value.as_str().is_some_and(plain)
}

/// Whether a text is an address that a page may link to: of the web, and spelled so that it shows where it leads.
pub fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\');
    // Someone's name before an @ passes for the host.
    let host =
        |rest: &str| rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty() && !host.contains('@'));
    rest.is_some_and(|rest| rest.bytes().all(plain) && host(rest)) && text.len() <= 2_000
}

/// A member's name in words: `licenseDeclared` as `Licence declared`.
fn words(name: &str) -> String {
    let known = match name {
        "id" => "Id",
        "issuer" => "Who says so",
        "issued" => "Issued",
        "model_name" => "Name",
        "pipeline_tag" => "Task",
        "uri" | "url" => "Address",
        "publicKey" => "Public key",
        "keyid" => "Key id",
        "keyspaces" => "Keyspaces",
        "n" => "Number of keys",
        "t" => "Depth of the tree",
        "keyLen" => "Bytes of a key",
        "hasMeta" => "Keys carry metadata",
        "sha256" => "SHA-256",
        "spec" => "How keys are made",
        "licenseConcluded" => "Licence concluded (SPDX)",
        "licenseDeclared" => "Licence declared, verbatim",
        "license" => "Licence",
        "license_name" => "Name of the licence",
        "license_link" => "Text of the licence",
        "claimantRole" => "Speaks as",
        "basis" => "Rests on",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    // Names of other vocabularies, such as `rai:dataBiases` or `@context`, stay as they are.
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') || name.is_empty() {
        return name.to_owned();
    }
    let mut out = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        match c {
            '_' | '-' => out.push(' '),
            c if c.is_ascii_uppercase() && after_lower => {
                out.push(' ');
                out.push(c.to_ascii_lowercase());
            }
            c if out.is_empty() => out.push(c.to_ascii_uppercase()),
            c => out.push(c),
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const AROUND: Around<'_> = Around { index_of: &|_| Some(LeafIndex(7)), now: UnixMillis(1_795_425_245_000) };

    fn html(predicate: &Value, unknown: &dyn Fn(&str) -> bool) -> (String, bool) {
        let members = predicate.as_object().unwrap();
        let facts = of_predicate(members, &["name"], &["issuer"], unknown, &AROUND, &mut Allowance::default());
        (facts.facts.iter().map(ToString::to_string).collect(), facts.more)
    }

    #[test]
    fn a_value_is_shown_by_what_it_is() {
        let reference = format!("record:{}", "ab".repeat(32));
        let (html, more) = html(
            &json!({"issuer": {"id": "x"}, "zeta": true, "name": "N", "issued": "2026-11-23T09:11:00Z", "model": reference,
                "digest": "noAssertion", "pairs": 1_170_060_424, "uri": "https://example.org/a",
                "considerations": {"useCases": ["one", "two"]}}),
            &|name| name == "zeta",
        );
        assert!(html.starts_with("<dt><bdi dir=\"auto\">Name</bdi></dt><dd><bdi dir=\"auto\">N</bdi></dd>"), "{html}");
        assert!(!html.contains("Who says so"), "shown elsewhere on the page");
        assert!(html.contains("<a href=\"/r/7\">record 7</a>"));
        assert!(html.contains("1,170,060,424") && html.contains("nothing is asserted"));
        assert!(html.contains("href=\"https://example.org/a\" rel=\"nofollow ugc noreferrer\""));
        assert!(
            html.contains("Use cases</bdi></dt><dd><bdi dir=\"auto\">one</bdi>, <bdi dir=\"auto\">two</bdi></dd>"),
            "{html}"
        );
        let zeta = html.find("Zeta").unwrap();
        assert!(html[zeta..].contains("not a member of this kind") && html.matches("not a member").count() == 1);
        assert!(!more);
    }

    #[test]
    fn a_long_text_of_many_lines_is_folded_and_stays_text() {
        let markdown = format!("\n# Heron <b>7B</b>\n{}", "A line of *Markdown*.\n".repeat(40));
        let (html, _) = html(&json!({"readme": markdown, "note": "two\nlines"}), &|_| false);
        assert_eq!(html.matches("<details>").count(), 1, "{html}");
        assert!(
            html.contains("<summary><bdi dir=\"auto\"># Heron &#60;b&#62;7B") && html.contains("*Markdown*"),
            "{html}"
        );
    }

    #[test]
    fn b20_no_text_becomes_markup_or_an_address_to_run() {
        let hostile = "<img src=x onerror=alert(1)>";
        let (html, _) = html(
            &json!({"name": hostile, hostile: {hostile: [hostile]}, "uri": "javascript:alert(1)",
                "url": "https://example.org/\"onclick=\"x", "a": "https://bank.example@evil.example/"}),
            &|_| false,
        );
        assert!(!html.contains("<img") && !html.contains("<a "), "{html}");
    }

    #[test]
    fn u09_the_largest_record_is_cut_and_says_so() {
        let many: Map<String, Value> = (0..9_000).map(|i| (format!("m{i}"), json!(["<".repeat(60)]))).collect();
        let (many, more) = html(&Value::Object(many), &|_| true);
        assert!(more && many.len() < 45_000, "{}", many.len());
        let (long, more) = html(&json!({"name": "'".repeat(700_000)}), &|_| false);
        assert!(more && long.len() < 25_000, "{}", long.len());
        let mut deep = json!("end");
        for _ in 0..30 {
            deep = json!({"d": [deep]});
        }
        assert!(html(&deep, &|_| false).0.contains("end"));
    }
}
