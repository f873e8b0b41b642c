//! Addresses that name a licence. Read as text: nothing here, or anywhere in this library, opens a connection.

/// The id or name of the licence that an address stands for; `None` for any other text or address.
pub(super) fn license_named(text: &str) -> Option<String> {
    let rest = strip_prefix_ignore_case(text, "https://").or_else(|| strip_prefix_ignore_case(text, "http://"))?;
    let rest = strip_prefix_ignore_case(rest, "www.").unwrap_or(rest);
    let rest = rest.split(['?', '#']).next()?.trim_end_matches('/');
    let lower = rest.to_ascii_lowercase();
    let mut parts = lower.split('/');
    let host = parts.next()?;
    let path: Vec<&str> = parts.collect();
    match (host, path.as_slice()) {
        ("creativecommons.org", ["licenses", code, version, more @ ..]) => Some(creative_commons(code, version, more)),
        ("creativecommons.org", ["publicdomain", "zero", version, ..]) => Some(format!("cc0-{version}")),
        ("creativecommons.org", ["publicdomain", "mark", version, ..]) => Some(format!("cc-pdm-{version}")),
        ("choosealicense.com" | "spdx.org", ["licenses", id]) => Some(without_extension(id).to_owned()),
        ("opensource.org", ["licenses" | "license", id]) => Some(without_extension(id).to_owned()),
        ("apache.org", ["licenses", "license-2.0" | "license-2.0.txt" | "license-2.0.html"]) => {
            Some("apache-2.0".to_owned())
        }
        ("gnu.org", ["licenses", .., id]) => Some(without_extension(id).to_owned()),
        ("mozilla.org", [.., "mpl", version]) => Some(format!("mpl-{version}")),
        ("opendatacommons.org", ["licenses", "by", ..]) => Some("odc-by".to_owned()),
        ("opendatacommons.org", ["licenses", "odbl", ..]) => Some("odbl".to_owned()),
        ("opendatacommons.org", ["licenses", "pddl", ..]) => Some("pddl".to_owned()),
        ("cdla.dev", [name, ..]) => Some(format!("cdla-{}", name.replacen("-0", ".0", 1))),
        ("unlicense.org", _) => Some("unlicense".to_owned()),
        ("wtfpl.net", _) => Some("wtfpl".to_owned()),
        _ => None,
    }
}

/// `/licenses/by-sa/3.0/de/deed.de`: code, version, then perhaps a jurisdiction, then perhaps a page.
fn creative_commons(code: &str, version: &str, more: &[&str]) -> String {
    match more.first() {
        Some(jurisdiction) if jurisdiction.len() <= 3 && jurisdiction.bytes().all(|b| b.is_ascii_lowercase()) => {
            format!("cc-{code}-{version}-{jurisdiction}")
        }
        _ => format!("cc-{code}-{version}"),
    }
}

fn without_extension(id: &str) -> &str {
    [".en.html", ".html", ".txt", ".php", ".json"].iter().find_map(|ending| id.strip_suffix(ending)).unwrap_or(id)
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::super::{Basis, conclude};
    use crate::record::terms::NO_ASSERTION;

    #[test]
    fn addresses_of_known_licences() {
        for (address, expected) in [
            ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
            ("http://creativecommons.org/licenses/by-nc-sa/3.0", "CC-BY-NC-SA-3.0"),
            ("https://creativecommons.org/licenses/by-sa/3.0/de/deed.de", "CC-BY-SA-3.0-DE"),
            ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
            ("https://creativecommons.org/licenses/by/4.0/deed.en#top", "CC-BY-4.0"),
            ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
            ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
            ("https://choosealicense.com/licenses/odc-by/", "ODC-By-1.0"),
            ("https://choosealicense.com/licenses/cc-by-sa-4.0/", "CC-BY-SA-4.0"),
            ("https://choosealicense.com/licenses/mit/", "MIT"),
            ("https://spdx.org/licenses/MIT.html", "MIT"),
            ("https://opensource.org/licenses/MIT", "MIT"),
            ("https://opensource.org/license/bsd-3-clause/", "BSD-3-Clause"),
            ("http://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
            ("https://www.gnu.org/licenses/gpl-3.0.html", "LicenseRef-HF-gpl-3.0"),
            ("https://www.mozilla.org/en-US/MPL/2.0/", "MPL-2.0"),
            ("https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0"),
            ("https://cdla.dev/permissive-2-0/", "CDLA-Permissive-2.0"),
            ("https://cdla.dev/sharing-1-0/", "CDLA-Sharing-1.0"),
        ] {
            let conclusion = conclude(address);
            assert_eq!((conclusion.as_str(), conclusion.basis()), (expected, Basis::Url), "{address}");
        }
    }

    #[test]
    fn other_addresses_assert_nothing() {
        for address in [
            "https://commoncrawl.org/terms-of-use",
            "https://choosealicense.com/licenses/undefined/",
            "https://creativecommons.org/",
            "https://creativecommons.org/licenses/by/9.9/",
            "https://example.org/licenses/MIT",
            "http://",
            "https://é",
        ] {
            assert_eq!(conclude(address).as_str(), NO_ASSERTION, "{address}");
        }
    }
}
