//! Presets: how well-known datasets name their members and columns.

use core::str::FromStr;

use crate::error::{Code, Error, Result};
use crate::manifest::kind::Kind;
use crate::manifest::reader::FieldNames;

macro_rules! presets {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A dataset whose layout is known.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Preset {
            $($(#[$doc])* $name,)*
        }

        impl Preset {
            /// Every preset.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

presets! {
    /// `id, url, title, text`: an article a row.
    Wikipedia = "wikimedia/wikipedia";
    /// `id, text, source, added, created, metadata`: a document a row.
    Dolma = "dolma";
    /// `text, id, dump, url, date, file_path, language, …`: a web page a row.
    FineWeb = "fineweb";
    /// `blob_id, content_id, path, detected_licenses, …`: a file a row, by its Software Heritage identifier and without
    /// its text.
    TheStackV2 = "the-stack-v2";
}

impl Preset {
    /// The members and columns.
    pub fn fields(self) -> FieldNames {
        let usual = FieldNames::default();
        match self {
            Self::Wikipedia | Self::FineWeb => usual,
            // Which of its sources have an address or a license differs; where they do, these are the members.
            Self::Dolma => FieldNames { url: "metadata.url".into(), license: Some("metadata.license".into()), ..usual },
            Self::TheStackV2 => FieldNames {
                license: Some("detected_licenses".into()),
                names: vec![(Kind::Swhid, "blob_id".into())],
                ..usual
            },
        }
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|preset| preset.as_str()).collect();
            Error::new(Code::Usage, format!("the preset is one of {}", names.join(", ")))
        })
    }
}
