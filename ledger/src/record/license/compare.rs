//! Whether claims about one thing's licence agree: the definitions, as data and a few rules.
//!
//! | word | means |
//! |---|---|
//! | `none` | no claim names a licence |
//! | `agree` | every claim that names one offers the same licences, written as SPDX alternatives in any order |
//! | `compatible` | they differ, and for every two claims there is an alternative of each such that whoever keeps to both does nothing that either forbids: both permit commercial use or neither does, the same for changed versions and for uses that a licence restricts, and what must be shared alike may be shared under one licence |
//! | `conflict` | anything else, also where a licence differs whose terms nobody here knows |
//!
//! Which licence may be passed on under which other one is data, [`PASSED_ON`], with its source. Whether a model is an
//! adaptation of what it was trained on is contested; nothing here decides it, and no claim is preferred. The
//! [`Reading`] is advice: what somebody may do who wants to keep to every claim at once, after the Data Provenance
//! Initiative's way of summing up (commercial use, attribution, share alike).

use std::collections::BTreeSet;

use serde::Serialize;
use spdx::expression::{ExprNode, Operator};

use super::MAX_NAME_BYTES;

/// What one licence permits and asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Whether commercial use is permitted.
    pub commercial: bool,
    /// Whether changed versions may be passed on.
    pub derivatives: bool,
    /// Whether somebody must be named.
    pub attribution: bool,
    /// Whether changed versions must be under the same or a named licence.
    pub share_alike: bool,
    /// Whether some uses are forbidden that copyright has no word for (the RAIL family and the like).
    pub use_restrictions: bool,
    /// Whether the terms of every licence named are known here; if not, the rest speaks of those that are.
    pub complete: bool,
}

/// How claims stand to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Agreement {
    /// No claim names a licence.
    None,
    /// All that name one name the same.
    Agree,
    /// They differ, and one can keep to all of them.
    Compatible,
    /// They differ otherwise.
    Conflict,
}

impl Agreement {
    /// Every class, from the best to the worst.
    pub const ALL: [Self; 4] = [Self::None, Self::Agree, Self::Compatible, Self::Conflict];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Agree => "agree",
            Self::Compatible => "compatible",
            Self::Conflict => "conflict",
        }
    }

    /// What the word means, in one line: the table above, as pages and commands say it.
    pub const fn definition(self) -> &'static str {
        match self {
            Self::None => "no claim names a licence",
            Self::Agree => {
                "every claim that names a licence offers the same ones, written as SPDX alternatives in any order"
            }
            Self::Compatible => {
                "they differ, and for every two claims there is an alternative of each such that whoever keeps to both does \
                 nothing that either forbids"
            }
            Self::Conflict => {
                "they differ, and it cannot be shown that one can keep to all of them: also where a licence differs whose \
                 terms are not known here"
            }
        }
    }
}

/// Licences that may be passed on under another one beyond the rules below: from, to, who says so.
pub const PASSED_ON: &[(&str, &str, &str)] = &[
    ("CC-BY-SA-2.0", "CC-BY-SA-3.0", "later version, CC BY-SA 2.0 section 4(b)"),
    ("CC-BY-SA-2.0", "CC-BY-SA-4.0", "later version, CC BY-SA 2.0 section 4(b)"),
    ("CC-BY-SA-2.5", "CC-BY-SA-3.0", "later version, CC BY-SA 2.5 section 4(b)"),
    ("CC-BY-SA-2.5", "CC-BY-SA-4.0", "later version, CC BY-SA 2.5 section 4(b)"),
    ("CC-BY-SA-3.0", "CC-BY-SA-4.0", "later version, CC BY-SA 3.0 section 4(b)"),
    ("CC-BY-SA-4.0", "GPL-3.0-only", "Creative Commons, compatible licences, 8 October 2015"),
    ("CC-BY-SA-4.0", "GPL-3.0-or-later", "Creative Commons, compatible licences, 8 October 2015"),
    ("CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "later version, CC BY-NC-SA 2.0 section 4(b)"),
    ("CC-BY-NC-SA-2.0", "CC-BY-NC-SA-4.0", "later version, CC BY-NC-SA 2.0 section 4(b)"),
    ("CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "later version, CC BY-NC-SA 3.0 section 4(b)"),
    ("GPL-2.0-or-later", "GPL-3.0-only", "GPL-2.0 section 9"),
    ("GPL-2.0-or-later", "GPL-3.0-or-later", "GPL-2.0 section 9"),
    ("LGPL-2.1-only", "GPL-2.0-only", "LGPL-2.1 section 3"),
    ("LGPL-2.1-or-later", "GPL-3.0-or-later", "LGPL-2.1 section 3"),
    ("LGPL-3.0-only", "GPL-3.0-only", "LGPL-3.0"),
    ("GPL-3.0-only", "AGPL-3.0-only", "GPL-3.0 section 13"),
    ("GPL-3.0-or-later", "AGPL-3.0-or-later", "GPL-3.0 section 13"),
    ("MPL-2.0", "GPL-2.0-or-later", "MPL-2.0 section 3.3"),
    ("MPL-2.0", "GPL-3.0-only", "MPL-2.0 section 3.3"),
    ("MPL-2.0", "GPL-3.0-or-later", "MPL-2.0 section 3.3"),
];

/// Licences that ask for no more than attribution, and still cannot be passed on under the second one.
const NOT_PASSED_ON: &[(&str, &str)] = &[("Apache-2.0", "GPL-2.0-only"), ("Apache-2.0", "LGPL-2.1-only")];

/// An expression has few alternatives; one with more is compared as a text.
const MAX_ALTERNATIVES: usize = 64;

/// A licence expression as the choices that it offers: each a set of licences that apply together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices(BTreeSet<BTreeSet<String>>);

impl Choices {
    /// Reads an SPDX expression; `None` if it is none. One of more than [`MAX_NAME_BYTES`], or of many alternatives, is compared
    /// as a text: what it comes to grows with the square of its length, and it is read for every reader of a page.
    pub fn parse(expression: &str) -> Option<Self> {
        let parsed = spdx::Expression::parse(expression).ok()?;
        let as_text = || Some(Self(BTreeSet::from([BTreeSet::from([expression.to_owned()])])));
        if expression.len() > MAX_NAME_BYTES {
            return as_text();
        }
        let mut stack: Vec<BTreeSet<BTreeSet<String>>> = Vec::new();
        for node in parsed.iter() {
            match node {
                ExprNode::Req(requirement) => {
                    stack.push(BTreeSet::from([BTreeSet::from([requirement.req.to_string()])]));
                }
                ExprNode::Op(operator) => {
                    let (right, left) = (stack.pop()?, stack.pop()?);
                    stack.push(match operator {
                        Operator::Or => left.union(&right).cloned().collect(),
                        Operator::And => {
                            let both = |l: &BTreeSet<String>| {
                                right.iter().map(|r| l.union(r).cloned().collect()).collect::<Vec<BTreeSet<String>>>()
                            };
                            left.iter().flat_map(both).collect()
                        }
                    });
                }
            }
            if stack.last().is_some_and(|top| top.len() > MAX_ALTERNATIVES) {
                return as_text();
            }
        }
        stack.pop().map(Self)
    }

    /// What may be done under the choice that permits most.
    pub fn reading(&self) -> Reading {
        let each = self.0.iter().map(together);
        // Of equally free choices it does not matter which one is taken: the order is total.
        each.max_by_key(|r| {
            (r.complete, r.commercial, r.derivatives, !r.use_restrictions, !r.share_alike, !r.attribution)
        })
        .unwrap_or(FREE)
    }
}

const FREE: Reading = Reading {
    commercial: true,
    derivatives: true,
    attribution: false,
    share_alike: false,
    use_restrictions: false,
    complete: true,
};

/// What several licences leave when all of them are kept to.
fn together(licenses: &BTreeSet<String>) -> Reading {
    licenses.iter().map(|license| terms(license)).fold(FREE, Reading::and)
}

impl Reading {
    /// What is left when both are kept to.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            commercial: self.commercial && other.commercial,
            derivatives: self.derivatives && other.derivatives,
            attribution: self.attribution || other.attribution,
            share_alike: self.share_alike || other.share_alike,
            use_restrictions: self.use_restrictions || other.use_restrictions,
            complete: self.complete && other.complete,
        }
    }

    /// What is permitted and asked for, in the words of pages and commands.
    pub fn in_words(self) -> Vec<&'static str> {
        let mut words = vec![
            if self.commercial { "commercial use" } else { "no commercial use" },
            if self.derivatives { "changed versions may be passed on" } else { "no changed versions" },
        ];
        words.extend(self.attribution.then_some("somebody must be named"));
        words.extend(self.share_alike.then_some("changed versions must be shared alike"));
        words.extend(self.use_restrictions.then_some("some uses are forbidden by a licence"));
        words
    }

    fn permits_the_same(self, other: Self) -> bool {
        let permits = |r: Self| (r.commercial, r.derivatives, r.use_restrictions);
        self.complete && other.complete && permits(self) == permits(other)
    }
}

/// The terms of one licence, by its SPDX id or reference.
fn terms(license: &str) -> Reading {
    const NO_DUTIES: [&str; 8] =
        ["CC0-1.0", "PDDL-1.0", "Unlicense", "WTFPL", "0BSD", "MIT-0", "CC-PDDC", "CC-PDM-1.0"];
    const DATA_WITH_ATTRIBUTION: [&str; 5] = ["ODC-By-1.0", "etalab-2.0", "OGL-UK-", "CDLA-Permissive-", "NLOD-"];
    const DATA_SHARED_ALIKE: [&str; 3] = ["ODbL-1.0", "CDLA-Sharing-1.0", "GFDL-"];
    let unknown = Reading { complete: false, ..FREE };
    let attribution = Reading { attribution: true, ..FREE };
    let base = license.split(" WITH ").next().unwrap_or(license).trim_end_matches('+');
    if let Some(own) = base.strip_prefix("LicenseRef-") {
        let own = own.to_ascii_lowercase();
        let restricted = ["rail", "llama", "gemma", "grok"].iter().any(|family| own.contains(family));
        let no_commerce = ["non-commercial", "noncommercial", "academic"].iter().any(|words| own.contains(words));
        let gnu = ["gpl", "gfdl"].iter().any(|family| own.contains(family));
        return match (restricted, gnu) {
            _ if no_commerce => Reading { commercial: false, complete: false, ..FREE },
            (true, _) => Reading { use_restrictions: true, ..attribution },
            // Which version, and whether a later one may be taken, is not said; that it is shared alike is.
            (_, true) => Reading { share_alike: true, complete: false, ..attribution },
            _ => unknown,
        };
    }
    let begins = |list: &[&str]| list.iter().any(|begin| base.starts_with(begin));
    if NO_DUTIES.contains(&base) {
        return FREE;
    }
    if base.starts_with("CC-BY") {
        let has = |part: &str| base.contains(part);
        return Reading { commercial: !has("-NC"), derivatives: !has("-ND"), share_alike: has("-SA"), ..attribution };
    }
    if begins(&DATA_WITH_ATTRIBUTION) {
        return attribution;
    }
    if begins(&DATA_SHARED_ALIKE) {
        return Reading { share_alike: true, ..attribution };
    }
    match spdx::license_id(base) {
        Some(id) if id.is_copyleft() => Reading { share_alike: true, ..attribution },
        Some(id) if id.is_osi_approved() || id.is_fsf_free_libre() => attribution,
        _ => unknown,
    }
}

/// How two claims stand to one another.
pub fn compare(left: &Choices, right: &Choices) -> Agreement {
    if left == right {
        return Agreement::Agree;
    }
    let fits = left.0.iter().any(|a| right.0.iter().any(|b| keep_to_both(a, b)));
    if fits { Agreement::Compatible } else { Agreement::Conflict }
}

/// How any number of claims stand; `None` for each that names no licence.
pub fn compare_all(claims: &[Option<Choices>]) -> Agreement {
    let named: Vec<&Choices> = claims.iter().flatten().collect();
    let pairs = named.iter().enumerate().flat_map(|(i, a)| named[i + 1..].iter().map(move |b| compare(a, b)));
    match named.is_empty() {
        true => Agreement::None,
        false => pairs.max().unwrap_or(Agreement::Agree),
    }
}

/// What somebody may do who keeps to every claim: for each the choice that permits most, and then all of them.
pub fn most_restrictive(claims: &[Option<Choices>]) -> Option<Reading> {
    let named = claims.iter().flatten().map(Choices::reading);
    named.reduce(Reading::and)
}

/// Whether somebody can keep to two sets of licences at once without either forbidding what the other permits.
fn keep_to_both(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    if a == b {
        return true;
    }
    if !together(a).permits_the_same(together(b)) {
        return false;
    }
    let all: BTreeSet<&String> = a.union(b).collect();
    let shared: Vec<&&String> = all.iter().filter(|license| terms(license).share_alike).collect();
    let passes = |from: &str, to: &str| {
        from == to
            || PASSED_ON.iter().any(|(f, t, _)| *f == from && *t == to)
            || (!terms(from).share_alike && !NOT_PASSED_ON.contains(&(from, to)))
    };
    shared.is_empty() || shared.iter().any(|to| all.iter().all(|from| passes(from, to)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use Agreement::{Agree, Compatible, Conflict};

    fn choices(expression: &str) -> Choices {
        Choices::parse(expression).unwrap()
    }

    fn stand(a: &str, b: &str) -> Agreement {
        let (a, b) = (choices(a), choices(b));
        assert_eq!(compare(&a, &b), compare(&b, &a), "it does not matter who is asked first");
        compare(&a, &b)
    }

    #[test]
    fn a_long_expression_is_compared_as_a_text() {
        let short: Vec<String> = (0..50).map(|number| format!("LicenseRef-{number}")).collect();
        assert_eq!(choices(&short.join(" AND ")).0.first().unwrap().len(), 50);
        let long: Vec<String> = (0..36_000).map(|number| format!("LicenseRef-{number:05}")).collect();
        let long = long.join(" AND ");
        assert_eq!(choices(&long), Choices(BTreeSet::from([BTreeSet::from([long.clone()])])));
        assert_eq!((stand(&long, &long), stand(&long, "MIT")), (Agree, Conflict));
        assert_eq!(Choices::parse(&format!("{long} AND")), None, "and not taken for a licence if it is none");
    }

    #[test]
    fn the_same_licences_in_any_order_agree() {
        assert_eq!(stand("MIT", "MIT"), Agree);
        assert_eq!(stand("MIT OR Apache-2.0", "Apache-2.0 OR MIT"), Agree);
        assert_eq!(stand("(MIT OR ISC) AND Zlib", "(Zlib AND MIT) OR (ISC AND Zlib)"), Agree);
        assert_eq!(stand("LicenseRef-own", "LicenseRef-own"), Agree);
    }

    #[test]
    fn what_can_be_kept_to_at_once_is_compatible() {
        assert_eq!(stand("MIT", "Apache-2.0"), Compatible, "keep both notices");
        assert_eq!(stand("MIT", "MIT OR GPL-3.0-only"), Compatible, "choose");
        assert_eq!(stand("CC-BY-4.0", "CC-BY-SA-4.0"), Compatible);
        assert_eq!(stand("CC0-1.0", "CC-BY-4.0"), Compatible);
        assert_eq!(stand("CC-BY-SA-3.0", "CC-BY-SA-4.0"), Compatible, "a later version");
        assert_eq!(stand("CC-BY-SA-4.0", "GPL-3.0-or-later"), Compatible);
        assert_eq!(stand("CC-BY-NC-3.0", "CC-BY-NC-4.0"), Compatible);
    }

    #[test]
    fn what_one_forbids_and_the_other_permits_is_a_conflict() {
        assert_eq!(stand("CC-BY-4.0", "CC-BY-NC-4.0"), Conflict);
        assert_eq!(stand("CC-BY-4.0", "CC-BY-ND-4.0"), Conflict);
        assert_eq!(stand("Apache-2.0", "LicenseRef-HF-bigscience-openrail-m"), Conflict);
        assert_eq!(stand("CC-BY-SA-4.0", "ODbL-1.0"), Conflict, "two that are shared alike, each under itself");
        assert_eq!(stand("GPL-2.0-only", "GPL-3.0-only"), Conflict);
        assert_eq!(stand("Apache-2.0", "GPL-2.0-only"), Conflict);
        assert_eq!(stand("MIT", "LicenseRef-own"), Conflict, "nobody here knows what it says");
        assert_eq!(stand("LicenseRef-a", "LicenseRef-b"), Conflict);
    }

    #[test]
    fn several_claims_stand_as_the_worst_two_of_them_do() {
        let all = |texts: &[&str]| compare_all(&texts.iter().map(|text| Choices::parse(text)).collect::<Vec<_>>());
        assert_eq!(all(&[]), Agreement::None);
        assert_eq!(all(&["", "not an expression"]), Agreement::None);
        assert_eq!(all(&["MIT", ""]), Agree, "one names a licence, and nobody another");
        assert_eq!(all(&["MIT", "MIT", "Apache-2.0"]), Compatible);
        assert_eq!(all(&["MIT", "Apache-2.0", "CC-BY-NC-4.0"]), Conflict);
    }

    #[test]
    fn the_most_restrictive_reading_keeps_to_all() {
        let read =
            |texts: &[&str]| most_restrictive(&texts.iter().map(|text| Choices::parse(text)).collect::<Vec<_>>());
        assert_eq!(read(&[""]), None);
        let reading = read(&["CC-BY-SA-4.0", "CC-BY-NC-4.0", "MIT OR GPL-3.0-only"]).unwrap();
        assert_eq!(reading, Reading { commercial: false, attribution: true, share_alike: true, ..FREE });
        assert!(!read(&["MIT", "LicenseRef-own"]).unwrap().complete);
        assert_eq!(read(&["CC0-1.0"]), Some(FREE));
        assert!(read(&["LicenseRef-HF-llama3"]).unwrap().use_restrictions);
    }

    #[test]
    fn every_edge_names_licences_that_exist_and_are_shared_alike() {
        for (from, to, source) in PASSED_ON {
            for license in [from, to] {
                assert!(spdx::license_id(license).is_some(), "{license}");
            }
            assert!(terms(from).share_alike && !source.is_empty(), "{from}");
        }
    }

    proptest! {
        /// Agreement is what it should be for any expressions: symmetric, and every expression agrees with itself.
        #[test]
        fn comparing_is_symmetric(
            a in prop::collection::vec((prop::sample::select(vec!["MIT", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "GPL-2.0-only", "LicenseRef-x"]), any::<bool>()), 1..6),
            b in prop::collection::vec((prop::sample::select(vec!["MIT", "CC-BY-SA-3.0", "Apache-2.0", "GPL-2.0-only", "LicenseRef-x"]), any::<bool>()), 1..6),
        ) {
            let text = |parts: &[(&str, bool)]| {
                let mut out = parts[0].0.to_owned();
                for (license, and) in &parts[1..] {
                    out = format!("({out}) {} {license}", if *and { "AND" } else { "OR" });
                }
                choices(&out)
            };
            let (a, b) = (text(&a), text(&b));
            prop_assert_eq!(compare(&a, &b), compare(&b, &a));
            prop_assert_eq!(compare(&a, &a), Agree);
        }
    }
}
