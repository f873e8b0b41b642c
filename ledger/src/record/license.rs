//! What a licence text says, as an SPDX expression.
//!
//! Cards and package metadata name licences in many spellings: ids of Hugging Face, SPDX expressions, addresses, prose.
//! [`conclude`] reads one such text. It never guesses: what it cannot name for certain is `noAssertion`, and the text
//! itself is kept verbatim by the caller beside it (`licenseDeclared`). Nothing is fetched. This is a reading aid for
//! importers and lint, not a judgement: the record says who concluded what.
//!
//! Specifications: SPDX 2.3 annex D (expressions), SPDX licence list as in the crate `spdx`; Hugging Face Hub "Licenses".

pub mod compare;
mod name;
mod table;
mod url;

use serde::Serialize;

use super::terms::NO_ASSERTION;

pub use table::{HF_LICENSES, HfLicense, Standing};

/// The longest text that is looked at. A longer one is a licence text, not its name.
/// Arithmetic: an SPDX expression of 40 licences with exceptions is about 1,600 bytes.
pub const MAX_NAME_BYTES: usize = 2_048;

/// How an expression was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// The text is an id of Hugging Face's list.
    HuggingFaceId,
    /// The text is an SPDX expression, or differs from one in letter case only.
    Spdx,
    /// The text is the address of a known licence.
    Url,
    /// The text is a licence's full name.
    Name,
    /// `other` with a name of its own.
    OwnName,
    /// The text says that the licence is unknown.
    Unknown,
    /// The text cannot be read as the name of one licence.
    Unrecognised,
    /// There is no text.
    Missing,
}

/// The reading of a licence text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    expression: Option<String>,
    basis: Basis,
}

impl Conclusion {
    /// A valid SPDX expression, or `noAssertion`.
    pub fn as_str(&self) -> &str {
        self.expression.as_deref().unwrap_or(NO_ASSERTION)
    }

    /// The SPDX expression, where one was found.
    pub fn expression(&self) -> Option<&str> {
        self.expression.as_deref()
    }

    /// How it was found, or why not.
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    fn found(expression: impl Into<String>, basis: Basis) -> Self {
        Self { expression: Some(expression.into()), basis }
    }

    const fn none(basis: Basis) -> Self {
        Self { expression: None, basis }
    }
}

/// Reads one licence text.
///
/// ```
/// use ledger::record::license::conclude;
/// assert_eq!(conclude("apache-2.0").as_str(), "Apache-2.0");
/// assert_eq!(conclude("https://creativecommons.org/licenses/by-sa/4.0/").as_str(), "CC-BY-SA-4.0");
/// assert_eq!(conclude("gpl-3.0").as_str(), "LicenseRef-HF-gpl-3.0"); // "only" or "or later" is not said
/// assert_eq!(conclude("unknown").as_str(), "noAssertion");
/// ```
pub fn conclude(text: &str) -> Conclusion {
    let text = text.trim();
    if text.is_empty() {
        return Conclusion::none(Basis::Missing);
    }
    if text.len() > MAX_NAME_BYTES {
        return Conclusion::none(Basis::Unrecognised);
    }
    if says_unknown(text) {
        return Conclusion::none(Basis::Unknown);
    }
    if let Some(license) = hugging_face_id(text) {
        return Conclusion::found(license.expression, Basis::HuggingFaceId);
    }
    if let Some(expression) = spdx_expression(text) {
        return Conclusion::found(expression, Basis::Spdx);
    }
    if let Some(named) = url::license_named(text) {
        let conclusion = conclude(&named);
        return match conclusion.expression {
            Some(expression) => Conclusion::found(expression, Basis::Url),
            None => conclusion,
        };
    }
    match name::full_name(text) {
        Some(expression) => Conclusion::found(expression, Basis::Name),
        None => Conclusion::none(Basis::Unrecognised),
    }
}

/// Reads the licence of a card whose id is `other`: its own name decides, if it has one.
///
/// A name that is itself a known licence counts as that; any other becomes `LicenseRef-HF-other-<name>`.
pub fn conclude_other(own_name: Option<&str>) -> Conclusion {
    let Some(own_name) = own_name.map(str::trim).filter(|name| !name.is_empty()) else {
        return conclude("other");
    };
    let conclusion = conclude(own_name);
    if conclusion.expression.is_some() {
        return conclusion;
    }
    let slug = slug(own_name);
    if slug.is_empty() {
        return conclude("other");
    }
    Conclusion::found(format!("LicenseRef-HF-other-{slug}"), Basis::OwnName)
}

/// Reads a list of licences that one document names side by side.
///
/// Nothing in the formats says whether all apply or one may be chosen; whoever keeps to all of them is right under
/// either reading, so they are joined with `AND`. One that cannot be read makes the whole `noAssertion`.
pub fn conclude_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Conclusion {
    let mut parts: Vec<String> = Vec::new();
    let mut basis = Basis::Missing;
    for text in texts {
        let conclusion = conclude(text);
        basis = conclusion.basis;
        let Some(expression) = conclusion.expression else {
            return Conclusion::none(basis);
        };
        if !parts.contains(&expression) {
            parts.push(expression);
        }
    }
    match parts.as_mut_slice() {
        [] => Conclusion::none(basis),
        [one] => Conclusion::found(core::mem::take(one), basis),
        several => {
            for part in several.iter_mut().filter(|part| part.contains(" OR ")) {
                *part = format!("({part})");
            }
            Conclusion::found(several.join(" AND "), Basis::Spdx)
        }
    }
}

/// The row of Hugging Face's list with this id, in any letter case. `unknown` has none.
fn hugging_face_id(text: &str) -> Option<&'static HfLicense> {
    HF_LICENSES.iter().find(|row| row.id.eq_ignore_ascii_case(text) && row.standing != Standing::Unknown)
}

/// How a text stands to Hugging Face's closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HfId {
    /// It is on the list.
    Exact(&'static HfLicense),
    /// It is on the list in another letter case.
    OtherCase(&'static HfLicense),
    /// It is not on the list; the nearest id by its licence or its letters, where one is near.
    NotListed(Option<&'static str>),
}

/// Looks a card's `license` up in Hugging Face's closed list, which knows neither SPDX expressions nor addresses.
pub fn on_hugging_face(text: &str) -> HfId {
    if let Some(row) = HF_LICENSES.iter().find(|row| row.id == text) {
        return HfId::Exact(row);
    }
    if let Some(row) = HF_LICENSES.iter().find(|row| row.id.eq_ignore_ascii_case(text.trim())) {
        return HfId::OtherCase(row);
    }
    let by_license = conclude(text)
        .expression
        .and_then(|expression| HF_LICENSES.iter().find(|row| row.expression == expression).map(|row| row.id));
    HfId::NotListed(by_license.or_else(|| nearest_id(text)))
}

fn says_unknown(text: &str) -> bool {
    const UNKNOWN: [&str; 9] =
        ["unknown", "undefined", "none", "noassertion", "n/a", "unspecified", "not specified", "null", "no license"];
    UNKNOWN.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// The text as a strict SPDX expression, with the letter case of ids and operators put right.
///
/// The crate's own `canonicalize` is not used: its table of imprecise names takes `bsd` for BSD-2-Clause and
/// `gnu gpl v2` for GPL-3.0-only.
fn spdx_expression(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for token in tokens(text) {
        let canonical = match token {
            "(" | ")" => token.to_owned(),
            _ if token.eq_ignore_ascii_case("and") => "AND".to_owned(),
            _ if token.eq_ignore_ascii_case("or") => "OR".to_owned(),
            _ if token.eq_ignore_ascii_case("with") => "WITH".to_owned(),
            _ => identifier(token)?,
        };
        if !(out.is_empty() || out.ends_with('(') || canonical == ")") {
            out.push(' ');
        }
        out.push_str(&canonical);
    }
    spdx::Expression::parse(&out).ok().map(|_| out)
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|word| word.split_inclusive(['(', ')'])).flat_map(|piece| {
        let bare = piece.trim_end_matches(['(', ')']);
        [bare, &piece[bare.len()..]].into_iter().filter(|token| !token.is_empty())
    })
}

/// One licence or exception id in its own spelling; deprecated GNU ids only where the new one says the same.
fn identifier(token: &str) -> Option<String> {
    let (base, plus) = match token.strip_suffix('+') {
        Some(base) => (base, "+"),
        None => (token, ""),
    };
    if token.starts_with("LicenseRef-") || token.starts_with("DocumentRef-") {
        return Some(token.to_owned());
    }
    if let Some(license) = spdx::identifiers::LICENSES.iter().find(|license| license.name.eq_ignore_ascii_case(base)) {
        let or_later = || spdx::gnu_license_id(license.name, true).map(|id| id.name.to_owned());
        let deprecated = license.flags & spdx::flags::IS_DEPRECATED != 0;
        return match (plus, deprecated) {
            ("+", _) if license.flags & spdx::flags::IS_GNU != 0 => or_later(),
            (_, false) => Some(format!("{}{plus}", license.name)),
            _ => hugging_face_id(base).map(|row| row.expression.to_owned()),
        };
    }
    spdx::identifiers::EXCEPTIONS
        .iter()
        .find(|exception| exception.name.eq_ignore_ascii_case(token))
        .map(|exception| exception.name.to_owned())
}

fn slug(name: &str) -> String {
    /// A reference longer than this names nothing that a person would read.
    const MAX_SLUG: usize = 64;
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_SLUG {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// The id of the list that is at most two letters away, for hints.
fn nearest_id(text: &str) -> Option<&'static str> {
    const MAX_DISTANCE: usize = 2;
    let text = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    // Every id has at most 34 bytes; the cost below is quadratic.
    if !(4..=40).contains(&text.len()) {
        return None;
    }
    HF_LICENSES
        .iter()
        .filter(|row| row.id.len() > 3)
        .map(|row| (distance(&text, row.id), row.id))
        .min()
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .map(|(_, id)| id)
}

/// Levenshtein distance over bytes.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests;
