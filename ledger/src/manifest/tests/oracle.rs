//! `tests/content_keys.py` shares no code with us and must make the same keys: of the vectors, of texts and names thrown
//! together at random, and of a real dump.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use super::vectors::Row;
use crate::ids::to_hex;
use crate::manifest::{BuildOptions, Kind, Kinds, build};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What the program prints; `None` after saying that there is no Python.
fn python(args: &[&Path]) -> Option<String> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let Ok(output) = Command::new(python).arg(root().join("tests/content_keys.py")).args(args).output() else {
        assert!(std::env::var("COLOPHON_REQUIRE").as_deref() != Ok("all"), "needs python3");
        eprintln!("skipped: needs python3");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_vectors_are_the_same_to_a_stranger() {
    let Some(said) = python(&[&root().join("docs/vectors/content-keys.json")]) else { return };
    let skipped: usize = said.split(" rows agree, ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(skipped < 10, "{said}");
}

/// A stream of numbers that is the same in every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn text(&mut self, pieces: &[&str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| pieces[self.below(pieces.len())].to_owned()).collect()
    }

    /// Any code point of the first two planes, so that most are assigned.
    fn anything(&mut self, most: usize) -> String {
        (0..self.below(most)).filter_map(|_| char::from_u32(self.below(0x2_0000) as u32)).collect()
    }

    fn given(&mut self, kind: Kind) -> String {
        const WORDS: &[&str] = &[
            "the ",
            "Quick ",
            "BROWN ",
            "fox, ",
            "jumps\n",
            "over\r\n",
            "\u{a0}",
            "  ",
            "e\u{301}",
            "ß",
            "ﬁ",
            "\u{ad}",
            "İ",
            "日本",
            "한글 ",
            "ά",
            "Σ",
            "ͅ",
            "\u{1100}\u{1161}",
            "q\u{307}\u{323}",
            "नि",
            "क\u{93c}",
            "½",
            "\u{2028}",
        ];
        const ADDRESS: &[&str] = &[
            "/",
            "?",
            "&",
            "=",
            ":",
            ".",
            "..",
            "%41",
            "%e4",
            "%2f",
            "%",
            "a",
            "B",
            "ä",
            "User:",
            "talk",
            "#",
            "\\",
            "+",
            ";",
            "[",
            "~",
            "index.php",
            "title",
            " ",
            "é",
            "@",
        ];
        const HOSTS: &[&str] = &[
            "example.org",
            "WWW.",
            "www.",
            "Bücher.",
            "faß.",
            "a",
            "-",
            "_",
            ".",
            "xn--a",
            "ΣΑΣ.",
            "%61",
            "ａ.",
            "\u{3002}",
            "日本.",
            "[::1]",
            "1",
        ];
        const TITLES: &[&str] = &[
            "Tea",
            "tea",
            ":",
            "_",
            " ",
            "Talk",
            "User",
            "user talk",
            "Category",
            "Datei",
            "&amp;",
            "&#65;",
            "&x;",
            "#",
            "/",
            ".",
            "%4",
            "1",
            "~",
            "é",
            "e\u{301}",
            "\u{200e}",
            "|",
            "\u{3000}",
            "Spezial",
            "Portal",
        ];
        const NAMES: &[&str] = &[
            "Q",
            "q",
            "4",
            "0",
            "1",
            "f",
            "a",
            "swh:1:cnt:",
            ";x",
            "ISCC:",
            "-",
            "AAAQ",
            "A",
            "7",
            "wd:",
            "0123456789abcdef0123456789abcdef01234567",
            "kmgt72fo5t4yobf0qugwuczbwj07max",
        ];
        let kind_of_text = match kind {
            Kind::UrlC1 => return format!("https://{}{}", self.text(HOSTS, 3), self.text(ADDRESS, 8)),
            Kind::Host => return self.text(HOSTS, 4),
            Kind::MwTitle => return format!("enwiki|{}", self.text(TITLES, 6)),
            Kind::MwPage | Kind::MwRev => {
                return format!("{}wiki|{}", self.text(&["a", "_", "é"], 2), self.below(1 << 30));
            }
            Kind::RawSha256 | Kind::TextN1 => 12,
            Kind::ParaN1 => 40,
            Kind::SpanN1 => 120,
            _ => return self.text(NAMES, 3),
        };
        let words = self.text(WORDS, kind_of_text);
        if self.below(3) == 0 { words + &self.anything(12) } else { words }
    }
}

#[test]
fn random_texts_and_names_have_the_same_keys_to_a_stranger() {
    let mut noise = Noise(2026);
    let rows: Vec<Row> = Kind::ALL
        .iter()
        .flat_map(|kind| (0..300).map(|_| Row::of(*kind, &noise.given(*kind), None)).collect::<Vec<_>>())
        .collect();
    let keyed = rows.iter().filter(|row| row.keys.is_some()).count();
    assert!(keyed > rows.len() / 3, "{keyed} of {} have keys", rows.len());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("random.json");
    std::fs::write(&file, serde_json::to_vec(&rows).unwrap()).unwrap();
    let Some(said) = python(&[&file]) else { return };
    let agree: usize = said.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(agree > rows.len() * 3 / 4, "{said}");
}

/// Every keyspace of a real dump that needs no rendering, key for key.
#[test]
fn a_real_dump_has_the_same_keyspaces_to_a_stranger() {
    let Some(data) = std::env::var_os("COLOPHON_TEST_DATA") else {
        assert!(std::env::var("COLOPHON_REQUIRE").as_deref() != Ok("all"), "needs COLOPHON_TEST_DATA");
        eprintln!("skipped: needs COLOPHON_TEST_DATA");
        return;
    };
    let source =
        Path::new(&data).join("wikipedia/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2");
    let Some(said) = python(&[Path::new("--dump"), &source, Path::new("enwiki")]) else { return };
    let theirs: BTreeMap<String, (u64, String)> = serde_json::from_str(&said).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut options = BuildOptions::default();
    options.read.kinds = Kinds::ALL;
    let summary = build(&source, &out, &options, &|_| {}).unwrap();
    let ours: BTreeMap<String, (u64, String)> = summary
        .keyspaces
        .iter()
        .filter(|row| !row.spec.ends_with("/mediawiki-1"))
        .map(|row| {
            let keys = std::fs::read(out.join(row.id.to_hex()).join("keys.bin")).unwrap();
            (row.spec.clone(), (row.n, to_hex(&Sha256::digest(keys))))
        })
        .collect();
    assert_eq!(ours.len(), 8);
    assert_eq!(ours, theirs);
}
