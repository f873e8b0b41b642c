//! How fast text becomes keys, on one core, beside plainer ways to the same.
//!
//! ```text
//! cargo bench -p colophon-ledger --bench keys            # 64 MiB of each text
//! cargo bench -p colophon-ledger --bench keys -- 16      # 16 MiB
//! ```
//!
//! The texts are made here from a fixed seed, with words, lines and punctuation as often as in an encyclopedia's. Nothing
//! asserts a speed; a table is printed, each row the best of three runs, in megabytes of UTF-8 input a second.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write as _;
use std::time::Instant;

use ledger::manifest::{Form, Keyer, Kind, Kinds, N1, key, paragraphs};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let megabytes: usize = match args.as_slice() {
        [test] if test == "--test" => return,
        [size] => size.parse().unwrap(),
        _ => 64,
    };
    println!("MB/s of input, one core                      ASCII  English  Russian  Chinese  decomposed");
    let texts: Vec<String> = Script::ALL.iter().map(|script| script.text(megabytes << 20)).collect();
    let both = Kinds::NONE.with(Kind::TextN1).with(Kind::ParaN1);
    row("text-n1 + para-n1, one pass", &texts, &|text| keyer(both, text));
    row("the same by definition, paragraph by paragraph", &texts, &by_definition);
    row("NFKC and lower case of unicode-normalization", &texts, &by_normalization);
    row("SHA-256 twice and nothing else", &texts, &|text| {
        u64::from(Sha256::digest(text)[0]) + u64::from(Sha256::digest(text)[1])
    });
    row("n1 of the whole text, no hash", &texts, &|text| N1::of(text).as_str().len() as u64);
    row("span-n1", &texts, &|text| keyer(Kinds::NONE.with(Kind::SpanN1), text));
    row("text-n1 + para-n1 + span-n1", &texts, &|text| keyer(both.with(Kind::SpanN1), text));
    let (bz2, gzip): (Vec<Vec<u8>>, Vec<Vec<u8>>) = texts.iter().map(|text| (bz2(text), gzip(text))).unzip();
    let lengths: Vec<usize> = texts.iter().map(String::len).collect();
    packed("bzip2, decompression alone", &bz2, &lengths, &|bytes| drain(bzip2::read::MultiBzDecoder::new(bytes)));
    packed("gzip, decompression alone", &gzip, &lengths, &|bytes| drain(flate2::read::MultiGzDecoder::new(bytes)));
}

fn row(name: &str, texts: &[String], run: &dyn Fn(&str) -> u64) {
    let cells: Vec<String> = texts.iter().map(|text| speed(text.len(), &|| run(text))).collect();
    println!("{name:<44}{}", cells.concat());
}

fn packed(name: &str, texts: &[Vec<u8>], lengths: &[usize], run: &dyn Fn(&[u8]) -> u64) {
    let cells: Vec<String> = texts.iter().zip(lengths).map(|(text, len)| speed(*len, &|| run(text))).collect();
    println!("{name:<44}{}", cells.concat());
}

fn speed(bytes: usize, run: &dyn Fn() -> u64) -> String {
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run());
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min);
    format!("{:>9.0}", bytes as f64 / best / 1e6)
}

fn keyer(kinds: Kinds, text: &str) -> u64 {
    let mut sum = 0;
    let mut push = |_, key: ledger::ids::ContentKey| {
        sum += u64::from(key.as_bytes()[0]);
        Ok(())
    };
    Keyer::new(kinds).text(Form::Plain, None, text, &mut push).unwrap();
    sum
}

fn by_definition(text: &str) -> u64 {
    let whole = key::text_n1(&N1::of(text));
    paragraphs(text).map(|n1| u64::from(key::para_n1(&n1).as_bytes()[0])).sum::<u64>() + u64::from(whole.as_bytes()[0])
}

/// What a program does that has the crate and no more: normalise, fold, join the words, hash.
fn by_normalization(text: &str) -> u64 {
    let normal = |text: &str| -> String {
        let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
        folded.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let whole = Sha256::digest(normal(text));
    let lines = text.split('\n').map(normal).filter(|line| line.chars().count() >= 50);
    lines.map(|line| u64::from(Sha256::digest(Sha256::digest(line))[0])).sum::<u64>() + u64::from(whole[0])
}

fn bz2(text: &str) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn drain(mut reader: impl std::io::Read) -> u64 {
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => return bytes,
            read => bytes += read as u64,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Script {
    Ascii,
    /// With typographic quotes, dashes and names with accents: one code point in 150 is not ASCII.
    English,
    Russian,
    Chinese,
    /// Latin letters with combining accents, which must be composed.
    Decomposed,
}

impl Script {
    const ALL: [Self; 5] = [Self::Ascii, Self::English, Self::Russian, Self::Chinese, Self::Decomposed];

    fn text(self, bytes: usize) -> String {
        let mut seed = 20_260_101u64;
        let mut noise = move |n: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % n
        };
        let vocabulary: Vec<String> = (0..20_000)
            .map(|_| {
                let letters = 1 + noise(6) + noise(5);
                (0..letters).map(|_| self.letter(&mut noise)).collect()
            })
            .collect();
        let mut text = String::with_capacity(bytes + 100);
        while text.len() < bytes {
            for _ in 0..20 + noise(120) {
                // Frequent words are frequent.
                let word = noise(20_000) * noise(1_000) / 1_000;
                text.push_str(&vocabulary[word as usize]);
                if self == Self::English && noise(25) == 0 {
                    text.push(['’', '–', 'é', '“', 'ö'][noise(5) as usize]);
                }
                text.push_str([" ", " ", " ", " ", " ", " ", " ", " ", ", ", ". "][noise(10) as usize]);
            }
            text.push('\n');
        }
        text
    }

    fn letter(self, noise: &mut impl FnMut(u32) -> u32) -> String {
        let (first, count) = match self {
            Self::Ascii | Self::English | Self::Decomposed => ('a', 26),
            Self::Russian => ('а', 32),
            Self::Chinese => ('一', 6_000),
        };
        let letter = char::from_u32(u32::from(first) + noise(count)).unwrap_or(first);
        let letter = if noise(30) == 0 { letter.to_uppercase().collect() } else { letter.to_string() };
        if self == Self::Decomposed && noise(5) == 0 { letter + "\u{301}" } else { letter }
    }
}
