//! Licence names: what people write, and the expression that it stands for.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::record::import::test_data;

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
#[test]
fn the_table_is_that_of_the_data() {
    let Some(data) = test_data("hf-licence-claims") else { return };
    let table = std::fs::read_to_string(data.join("hf_licence_id_to_spdx.csv")).unwrap();
    let mut rows = HF_LICENSES.iter();
    for line in table.lines().skip(1) {
        // Only the second column is quoted where it holds commas.
        let (id, rest) = line.split_once(',').unwrap();
        let mut last = rest.rsplit(',');
        let (kind, spdx) = (last.next().unwrap(), last.next().unwrap());
        let row = rows.next().unwrap();
        let expected = if kind == "no-assertion" { "" } else { spdx };
        assert_eq!((row.id, row.expression), (id, expected));
        assert_eq!(row.standing == Standing::Listed, matches!(kind, "exact-case-insensitive" | "alias"), "{id}");
    }
    assert_eq!(rows.next(), None);
}
