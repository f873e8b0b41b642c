//! The closed list of licence ids that Hugging Face accepts in a card, each with the SPDX expression that says the same.
//!
//! Hugging Face has its own ids: some are SPDX ids in lower case, some name a family or leave "only" or "or later" open,
//! some name licences that SPDX does not list. The last two kinds become `LicenseRef-HF-<id>`, which says which text was
//! named without claiming more. Source of the ids: Hugging Face Hub documentation, "Licenses" (2026-08); of the
//! expressions: the SPDX licence list 3.28.

/// What stands behind an id of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// One licence that SPDX lists.
    Listed,
    /// A family without a version, or a GNU licence without "only" or "or later".
    Ambiguous,
    /// A licence that SPDX does not list.
    Unlisted,
    /// `unknown`: the card says that its author does not know.
    Unknown,
    /// `other`: the card names the licence in `license_name` and `license_link`.
    Other,
}

/// One row: the id as Hugging Face spells it, the SPDX expression (empty for `unknown`), and its standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HfLicense {
    /// The id, lower case.
    pub id: &'static str,
    /// The SPDX expression; empty for `unknown`.
    pub expression: &'static str,
    /// What stands behind it.
    pub standing: Standing,
}

const fn row(id: &'static str, expression: &'static str, standing: Standing) -> HfLicense {
    HfLicense { id, expression, standing }
}

use Standing::{Ambiguous, Listed, Other, Unknown, Unlisted};

/// All 83 ids, in the order of the Hub's own list.
#[rustfmt::skip]
pub const HF_LICENSES: &[HfLicense] = &[
    row("apache-2.0", "Apache-2.0", Listed),
    row("mit", "MIT", Listed),
    row("openrail", "LicenseRef-HF-openrail", Ambiguous),
    row("bigscience-openrail-m", "LicenseRef-HF-bigscience-openrail-m", Unlisted),
    row("creativeml-openrail-m", "LicenseRef-HF-creativeml-openrail-m", Unlisted),
    row("bigscience-bloom-rail-1.0", "LicenseRef-HF-bigscience-bloom-rail-1.0", Unlisted),
    row("bigcode-openrail-m", "LicenseRef-HF-bigcode-openrail-m", Unlisted),
    row("afl-3.0", "AFL-3.0", Listed),
    row("artistic-2.0", "Artistic-2.0", Listed),
    row("bsl-1.0", "BSL-1.0", Listed),
    row("bsd", "LicenseRef-HF-bsd", Ambiguous),
    row("bsd-2-clause", "BSD-2-Clause", Listed),
    row("bsd-3-clause", "BSD-3-Clause", Listed),
    row("bsd-3-clause-clear", "BSD-3-Clause-Clear", Listed),
    row("c-uda", "C-UDA-1.0", Listed),
    row("cc", "LicenseRef-HF-cc", Ambiguous),
    row("cc0-1.0", "CC0-1.0", Listed),
    row("cc-by-2.0", "CC-BY-2.0", Listed),
    row("cc-by-2.5", "CC-BY-2.5", Listed),
    row("cc-by-3.0", "CC-BY-3.0", Listed),
    row("cc-by-4.0", "CC-BY-4.0", Listed),
    row("cc-by-sa-3.0", "CC-BY-SA-3.0", Listed),
    row("cc-by-sa-4.0", "CC-BY-SA-4.0", Listed),
    row("cc-by-nc-2.0", "CC-BY-NC-2.0", Listed),
    row("cc-by-nc-3.0", "CC-BY-NC-3.0", Listed),
    row("cc-by-nc-4.0", "CC-BY-NC-4.0", Listed),
    row("cc-by-nd-4.0", "CC-BY-ND-4.0", Listed),
    row("cc-by-nc-nd-3.0", "CC-BY-NC-ND-3.0", Listed),
    row("cc-by-nc-nd-4.0", "CC-BY-NC-ND-4.0", Listed),
    row("cc-by-nc-sa-2.0", "CC-BY-NC-SA-2.0", Listed),
    row("cc-by-nc-sa-3.0", "CC-BY-NC-SA-3.0", Listed),
    row("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0", Listed),
    row("cdla-sharing-1.0", "CDLA-Sharing-1.0", Listed),
    row("cdla-permissive-1.0", "CDLA-Permissive-1.0", Listed),
    row("cdla-permissive-2.0", "CDLA-Permissive-2.0", Listed),
    row("wtfpl", "WTFPL", Listed),
    row("ecl-2.0", "ECL-2.0", Listed),
    row("epl-1.0", "EPL-1.0", Listed),
    row("epl-2.0", "EPL-2.0", Listed),
    row("etalab-2.0", "etalab-2.0", Listed),
    row("eupl-1.1", "EUPL-1.1", Listed),
    row("eupl-1.2", "EUPL-1.2", Listed),
    row("agpl-3.0", "LicenseRef-HF-agpl-3.0", Ambiguous),
    row("gfdl", "LicenseRef-HF-gfdl", Ambiguous),
    row("gpl", "LicenseRef-HF-gpl", Ambiguous),
    row("gpl-2.0", "LicenseRef-HF-gpl-2.0", Ambiguous),
    row("gpl-3.0", "LicenseRef-HF-gpl-3.0", Ambiguous),
    row("lgpl", "LicenseRef-HF-lgpl", Ambiguous),
    row("lgpl-2.1", "LicenseRef-HF-lgpl-2.1", Ambiguous),
    row("lgpl-3.0", "LicenseRef-HF-lgpl-3.0", Ambiguous),
    row("isc", "ISC", Listed),
    row("h-research", "LicenseRef-HF-h-research", Unlisted),
    row("intel-research", "LicenseRef-HF-intel-research", Unlisted),
    row("lppl-1.3c", "LPPL-1.3c", Listed),
    row("ms-pl", "MS-PL", Listed),
    row("apple-ascl", "LicenseRef-HF-apple-ascl", Unlisted),
    row("apple-amlr", "LicenseRef-HF-apple-amlr", Unlisted),
    row("mpl-2.0", "MPL-2.0", Listed),
    row("odc-by", "ODC-By-1.0", Listed),
    row("odbl", "ODbL-1.0", Listed),
    row("openmdw-1.0", "OpenMDW-1.0", Listed),
    row("openmdw-1.1", "LicenseRef-HF-openmdw-1.1", Unlisted),
    row("openrail++", "LicenseRef-HF-openrailplusplus", Unlisted),
    row("osl-3.0", "OSL-3.0", Listed),
    row("postgresql", "PostgreSQL", Listed),
    row("ofl-1.1", "OFL-1.1", Listed),
    row("ncsa", "NCSA", Listed),
    row("unlicense", "Unlicense", Listed),
    row("zlib", "Zlib", Listed),
    row("pddl", "PDDL-1.0", Listed),
    row("lgpl-lr", "LGPLLR", Listed),
    row("deepfloyd-if-license", "LicenseRef-HF-deepfloyd-if-license", Unlisted),
    row("fair-noncommercial-research-license", "LicenseRef-HF-fair-noncommercial-research-license", Unlisted),
    row("llama2", "LicenseRef-HF-llama2", Unlisted),
    row("llama3", "LicenseRef-HF-llama3", Unlisted),
    row("llama3.1", "LicenseRef-HF-llama3.1", Unlisted),
    row("llama3.2", "LicenseRef-HF-llama3.2", Unlisted),
    row("llama3.3", "LicenseRef-HF-llama3.3", Unlisted),
    row("llama4", "LicenseRef-HF-llama4", Unlisted),
    row("grok2-community", "LicenseRef-HF-grok2-community", Unlisted),
    row("gemma", "LicenseRef-HF-gemma", Unlisted),
    row("unknown", "", Unknown),
    row("other", "LicenseRef-HF-other", Other),
];
