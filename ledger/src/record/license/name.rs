//! Licences by their names, as people and package metadata write them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{HF_LICENSES, Standing, conclude};

/// The licence whose full name or id is this text, apart from filler words, punctuation and letter case.
pub(super) fn full_name(text: &str) -> Option<String> {
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
