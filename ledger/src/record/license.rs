//! What a licence text says, as an SPDX expression.
//!
//! Cards and package metadata name licences in many spellings: ids of Hugging Face, SPDX expressions, addresses, prose.
//! [`conclude`] reads one such text. It never guesses: what it cannot name for certain is `noAssertion`, and the text
//! itself is kept verbatim by the caller beside it (`licenseDeclared`). Nothing is fetched. This is a reading aid for
//! importers and lint, not a judgement: the record says who concluded what.
//!
//! Specifications: SPDX 2.3 annex D (expressions), SPDX licence list as in the crate `spdx`; Hugging Face Hub "Licenses".

mod table;
mod url;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

pub use table::{HF_LICENSES, HfLicense, Standing};

/// The value that says: nothing is asserted.
pub const NO_ASSERTION: &str = "noAssertion";

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
    match full_name(text) {
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

/// The licence whose full name or id is this text, apart from filler words, punctuation and letter case.
fn full_name(text: &str) -> Option<String> {
    // Spellings that neither list has; the right side is read by `conclude` again.
    const ALSO: [(&str, &str); 12] = [
        ("cc0", "cc0-1.0"),
        ("cc0 1.0", "cc0-1.0"),
        ("gplv2", "gpl-2.0"),
        ("gplv3", "gpl-3.0"),
        ("gnu gpl 2", "gpl-2.0"),
        ("gnu gpl 3", "gpl-3.0"),
        ("gnu general public 2.0", "gpl-2.0"),
        ("gnu general public 3.0", "gpl-3.0"),
        ("gnu affero general public 3.0", "agpl-3.0"),
        ("gnu lesser general public 3.0", "lgpl-3.0"),
        ("apache 2", "apache-2.0"),
        ("mozilla public 2.0 mpl 2.0", "mpl-2.0"),
    ];
    let wanted = words(text);
    if wanted.is_empty() {
        return None;
    }
    if let Some((_, id)) = ALSO.iter().find(|(name, _)| *name == wanted) {
        return conclude(id).expression;
    }
    if let Some(row) = HF_LICENSES.iter().find(|row| row.standing != Standing::Unknown && words(row.id) == wanted) {
        return Some(row.expression.to_owned());
    }
    NAMES.get(&wanted).copied().flatten().map(str::to_owned)
}

/// Every licence that SPDX lists, by the words of its name and of its id; `None` where two have the same words.
static NAMES: LazyLock<BTreeMap<String, Option<&'static str>>> = LazyLock::new(|| {
    let mut names: BTreeMap<String, Option<&'static str>> = BTreeMap::new();
    for license in spdx::identifiers::LICENSES.iter().filter(|license| license.flags & spdx::flags::IS_DEPRECATED == 0)
    {
        for text in [license.full_name, license.name] {
            let known = names.entry(words(text)).or_insert(Some(license.name));
            if *known != Some(license.name) {
                *known = None;
            }
        }
    }
    names
});

/// Lower-case words without those that every licence name has.
fn words(text: &str) -> String {
    const FILLER: [&str; 11] = [
        "the",
        "license",
        "licence",
        "licenses",
        "version",
        "agreement",
        "international",
        "unported",
        "generic",
        "v",
        "family",
    ];
    let lower = text
        .to_lowercase()
        .replace("sharealike", "share alike")
        .replace("noncommercial", "non commercial")
        .replace("noderivatives", "no derivatives");
    let mut words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .map(|word| word.trim_end_matches('.'))
        .map(|word| {
            word.strip_prefix('v').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(word)
        })
        .filter(|word| !word.is_empty() && !FILLER.contains(word))
        .collect();
    words.dedup(); // "MIT License (MIT)"
    words.join(" ")
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn read(text: &str) -> String {
        conclude(text).as_str().to_owned()
    }

    #[test]
    fn every_row_of_the_list_is_a_valid_expression_and_reads_as_itself() {
        assert_eq!(HF_LICENSES.len(), 83);
        for row in HF_LICENSES {
            if row.standing == Standing::Unknown {
                assert_eq!(conclude(row.id).basis(), Basis::Unknown);
                continue;
            }
            spdx::Expression::parse(row.expression).unwrap();
            assert_eq!(read(row.id), row.expression);
            assert_eq!(read(&row.id.to_uppercase()), row.expression);
            if row.standing == Standing::Listed {
                assert!(spdx::license_id(row.expression).is_some_and(|id| !id.is_deprecated()), "{}", row.id);
            }
        }
    }

    #[test]
    fn spdx_expressions_keep_their_meaning_and_get_their_spelling() {
        for (text, expected) in [
            ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
            ("mit or apache-2.0", "MIT OR Apache-2.0"),
            ("(mit OR isc) and BSD-3-clause", "(MIT OR ISC) AND BSD-3-Clause"),
            ("gpl-2.0-or-later with classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
            ("GPL-2.0+", "GPL-2.0-or-later"),
            ("GPL-2.0", "LicenseRef-HF-gpl-2.0"),
            ("OpenMDW-1.0", "OpenMDW-1.0"),
            ("LicenseRef-house", "LicenseRef-house"),
            ("CC-PDM-1.0", "CC-PDM-1.0"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in ["MIT/Apache-2.0", "Modified MIT License", "MIT OR", "bespoke", "MIT AND house rules"] {
            assert_eq!(read(text), NO_ASSERTION, "{text}");
        }
    }

    #[test]
    fn full_names_and_usual_spellings() {
        for (text, expected) in [
            ("MIT License", "MIT"),
            ("The MIT License (MIT)", "MIT"),
            ("Apache License, Version 2.0", "Apache-2.0"),
            ("Apache 2.0", "Apache-2.0"),
            ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
            ("Creative Commons Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"),
            ("CC0", "CC0-1.0"),
            ("BSD 3-Clause", "BSD-3-Clause"),
            ("BSD License", "LicenseRef-HF-bsd"),
            ("GNU General Public License v3.0", "LicenseRef-HF-gpl-3.0"),
            ("GPLv3", "LicenseRef-HF-gpl-3.0"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_says_nothing_asserts_nothing() {
        for text in ["", "  ", "unknown", "UNKNOWN", "undefined", "None", "NOASSERTION"] {
            assert_eq!(read(text), NO_ASSERTION, "{text:?}");
        }
        assert_eq!(conclude(&"MIT OR ".repeat(2_000)).basis(), Basis::Unrecognised);
    }

    #[test]
    fn other_takes_its_own_name() {
        assert_eq!(conclude_other(None).as_str(), "LicenseRef-HF-other");
        assert_eq!(
            conclude_other(Some("Heron Weights Licence 1.1")).as_str(),
            "LicenseRef-HF-other-heron-weights-licence-1.1"
        );
        assert_eq!(conclude_other(Some("mit")).as_str(), "MIT");
        assert_eq!(conclude_other(Some("許諾")).as_str(), "LicenseRef-HF-other");
        spdx::Expression::parse(conclude_other(Some("a b/c!")).as_str()).unwrap();
    }

    #[test]
    fn licences_side_by_side_are_all_kept() {
        assert_eq!(conclude_all(["mit", "cc-by-4.0", "mit"]).as_str(), "MIT AND CC-BY-4.0");
        assert_eq!(conclude_all(["mit or isc", "cc-by-4.0"]).as_str(), "(MIT OR ISC) AND CC-BY-4.0");
        assert_eq!(conclude_all(["mit or isc"]).as_str(), "MIT OR ISC");
        assert_eq!(conclude_all(["(mit or isc) and zlib"]).as_str(), "(MIT OR ISC) AND Zlib");
        assert_eq!(conclude_all(["mit", "unknown"]).as_str(), NO_ASSERTION);
        assert_eq!(conclude_all([]).as_str(), NO_ASSERTION);
    }

    #[test]
    fn the_closed_list_refuses_spdx_spellings_and_names_the_nearest() {
        assert!(matches!(on_hugging_face("apache-2.0"), HfId::Exact(_)));
        assert!(matches!(on_hugging_face("Apache-2.0"), HfId::OtherCase(row) if row.id == "apache-2.0"));
        assert_eq!(on_hugging_face("gpl-2.0-or-later"), HfId::NotListed(None));
        assert_eq!(on_hugging_face("apache2.0"), HfId::NotListed(Some("apache-2.0")));
        assert_eq!(on_hugging_face("ODC-By-1.0"), HfId::NotListed(Some("odc-by")));
        assert_eq!(on_hugging_face("https://creativecommons.org/licenses/by/4.0/"), HfId::NotListed(Some("cc-by-4.0")));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_every_answer_is_valid(text in "\\PC{0,60}|[()+ a-zA-Z0-9.:/-]{0,80}") {
            if let Some(expression) = conclude(&text).expression() {
                spdx::Expression::parse(expression).unwrap();
            }
            if let Some(expression) = conclude_other(Some(&text)).expression() {
                spdx::Expression::parse(expression).unwrap();
            }
            on_hugging_face(&text);
        }
    }
}
