//! The stylesheet and the sign, under names that hold their digest: they never change, so they are kept for ever.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file that pages refer to.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served, beginning with a slash.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        // 64 bits tell apart the few versions that a file ever has.
        let digest = ledger::ids::to_hex(&Sha256::digest(bytes)[..8]);
        Self { path: format!("/assets/{stem}-{digest}.{extension}"), media_type, bytes }
    }
}

/// The one stylesheet.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("colophon", "css", "text/css; charset=utf-8", include_bytes!("../../assets/colophon.css"))
});

/// The sign, also the icon of every page.
pub static LOGO: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("logo", "svg", "image/svg+xml", include_bytes!("../../assets/logo.svg")));

/// The asset at a path.
pub fn find(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*LOGO].into_iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_asset_is_found_by_the_name_that_holds_its_digest() {
        assert_eq!(find(&STYLE.path).unwrap().bytes, STYLE.bytes);
        assert!(find("/assets/colophon.css").is_none());
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for asset in [&*STYLE, &*LOGO] {
            let text = std::str::from_utf8(asset.bytes).unwrap().replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("//") && !text.contains("url(") && !text.contains("@import"), "{}", asset.path);
        }
    }
}
