//! Pages of tests, kept where a person or a browser can look at them: `COLOPHON_GALLERY=<folder>`.

/// Writes a page into the gallery, if there is one.
pub(crate) fn keep(name: &str, html: &str) {
    if let Some(folder) = std::env::var_os("COLOPHON_GALLERY") {
        let folder = std::path::PathBuf::from(folder);
        // A gallery that cannot be written is seen to be empty.
        let _ = std::fs::create_dir_all(folder.join("assets"));
        let _ = std::fs::write(folder.join(format!("{name}.html")), html);
        for asset in [&*crate::pages::assets::STYLE, &*crate::pages::assets::LOGO] {
            let _ = std::fs::write(folder.join(&asset.path[1..]), asset.bytes);
        }
    }
}
