//! The documents of the demo: those of `examples/`, carried in the program.

use std::path::Path;

use crate::failure::Result;
use crate::files;

macro_rules! examples {
    ($($path:literal,)*) => {
        /// Path below the demo's folder of documents, and content.
        const EXAMPLES: &[(&str, &[u8])] =
            &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/", $path))),)*];
    };
}

examples! {
    "agreements/agreement.yaml",
    "agreements/mou-heron-harbourwiki.md",
    "audits/heron-base-350m.json",
    "claims/METADATA",
    "claims/harbourwiki-text.yaml",
    "claims/river-gauges-data.yaml",
    "heron-base-350m/README.md",
    "heron-base-350m/config.json",
    "heron-base-350m/data_config.json",
    "parties/harbour-log.yaml",
    "parties/harbour-packages.yaml",
    "parties/harbourwiki-stewards.yaml",
    "parties/heron-lab.yaml",
    "parties/tidewater-audit.yaml",
    "river-gauges-en/croissant.json",
    "river-gauges-en/reports.jsonl",
    "sources/harbourwiki.yaml",
    "sources/river-gauges.yaml",
    "wiki/dataset-card.yaml",
    "wiki/harbourwiki-pages.xml",
}

/// The weights that the demo makes for its model: enough to be a file, and the same in every run.
const WEIGHTS: usize = 256 * 1024;

/// The model's folder, below the demo's.
pub(super) const MODEL: &str = "heron-base-350m";

/// Writes every document, and the model with weights of its own.
pub(super) fn write(dir: &Path) -> Result<()> {
    for (path, bytes) in EXAMPLES {
        let target = match path.strip_prefix("heron-base-350m/") {
            Some(file) => dir.join(MODEL).join(file),
            None => dir.join("documents").join(path),
        };
        if let Some(folder) = target.parent() {
            files::make_dir(folder)?;
        }
        files::write(&target, bytes)?;
    }
    files::write(&dir.join(MODEL).join("model.safetensors"), &weights())
}

/// Bytes that look like weights and mean nothing (xorshift64).
fn weights() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..WEIGHTS / 8).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().collect()
}
