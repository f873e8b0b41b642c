//! Synthetic sources for measurements, from a seed and nothing else: the same arguments give the same bytes.
//!
//! ```text
//! synth digests N [--binary] [--seed S]    N digests, one in ten of which came before
//! synth dump N [--seed S]                  a MediaWiki dump of N articles
//! synth text BYTES [--seed S]              English-like text, a paragraph a line
//! ```
//!
//! Articles have lengths as those of the English Wikipedia (median 2 KB, mean 3.2 KB of wikitext), words by Zipf's law,
//! links, references, headings and templates; one paragraph in twenty is boilerplate, one article in a hundred the copy of
//! another. Contributors and addresses have names that nothing else holds, so that a search for them proves something.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// splitmix64: a number for every place, without the ones before it.
fn mixed(seed: u64, place: u64) -> u64 {
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// A stream of numbers.
struct Numbers {
    seed: u64,
    place: u64,
}

impl Numbers {
    fn next(&mut self) -> u64 {
        self.place += 1;
        mixed(self.seed, self.place)
    }

    fn below(&mut self, most: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(most)) >> 64) as u64
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// By a log-normal distribution.
    fn length(&mut self, median: f64, spread: f64) -> usize {
        // The sum of twelve uniform numbers is close enough to a normal one.
        let normal = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        (median * (spread * normal).exp()) as usize
    }
}

/// Words by their rank.
struct Words(Vec<String>);

const ONSETS: [&str; 20] =
    ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "pl", "th", "ch"];
const VOWELS: [&str; 10] = ["a", "e", "i", "o", "u", "ea", "ou", "e", "a", "i"];
const ENDS: [&str; 12] = ["", "n", "r", "s", "t", "d", "l", "m", "ng", "ck", "st", ""];
/// One word in sixty has a letter beyond ASCII, as in the English Wikipedia.
const FOREIGN: [&str; 6] = ["é", "ö", "ł", "ñ", "ó", "š"];

impl Words {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers { seed: seed ^ 0x576f_7264, place: 0 };
        let word = |rank: u64| {
            let syllables = 1 + numbers.below(2 + rank.ilog2().min(10) as u64 / 3);
            let mut word = String::new();
            for _ in 0..syllables {
                word.push_str(ONSETS[numbers.below(20) as usize]);
                word.push_str(VOWELS[numbers.below(10) as usize]);
                word.push_str(ENDS[numbers.below(12) as usize]);
            }
            if rank > 100 && numbers.below(30) == 0 {
                word.push_str(FOREIGN[numbers.below(6) as usize]);
            }
            word
        };
        Self((1..=50_000).map(word).collect())
    }

    /// Rank r comes about as often as 1/r.
    fn pick(&self, numbers: &mut Numbers) -> &str {
        let rank = (numbers.share() * (self.0.len() as f64).ln()).exp() as usize;
        &self.0[rank.min(self.0.len()) - 1]
    }

    fn sentence(&self, numbers: &mut Numbers, wiki: bool, out: &mut String) {
        let count = 6 + numbers.below(22);
        for place in 0..count {
            let word = self.pick(numbers);
            let special = numbers.below(120);
            match special {
                0..4 if wiki => out.push_str(&format!("[[{word} {}|{word}]]", self.pick(numbers))),
                4..6 if wiki => out.push_str(&format!("'''{word}'''")),
                6 if wiki => {
                    out.push_str(&format!(
                        "{word}<ref>{{{{cite web|title={word}|url=https://example.org/{word}}}}}</ref>"
                    ));
                }
                7 => out.push_str(&(1500 + numbers.below(526)).to_string()),
                _ if place == 0 => {
                    let mut letters = word.chars();
                    out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
                    out.push_str(letters.as_str());
                }
                _ => out.push_str(word),
            }
            out.push_str(match (place + 1 == count, special) {
                (true, _) => ". ",
                (false, 100..108) => ", ",
                _ => " ",
            });
        }
    }

    fn paragraph(&self, numbers: &mut Numbers, wiki: bool, out: &mut String) {
        let most = out.len() + numbers.length(380.0, 0.7).max(30);
        while out.len() < most {
            self.sentence(numbers, wiki, out);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
}

fn article(words: &Words, seed: u64, place: u64) -> String {
    let mut numbers = Numbers { seed: mixed(seed, place), place: 0 };
    let length = numbers.length(2000.0, 0.95).clamp(60, 400_000);
    let mut text = String::with_capacity(length + 2000);
    text.push_str(&format!("{{{{Infobox thing|name={}|place={place}}}}}\n", words.pick(&mut numbers)));
    while text.len() < length {
        match numbers.below(20) {
            // Boilerplate: one of a thousand paragraphs that many articles share.
            0 => {
                let mut shared = Numbers { seed: mixed(seed ^ 1, numbers.below(1000)), place: 0 };
                words.paragraph(&mut shared, true, &mut text);
            }
            1 | 2 => text.push_str(&format!("\n== {} ==\n", words.pick(&mut numbers))),
            _ => words.paragraph(&mut numbers, true, &mut text),
        }
    }
    text.push_str(&format!("\n[[Category:{}]]\n", words.pick(&mut numbers)));
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

fn dump(out: &mut impl Write, count: u64, seed: u64) -> io::Result<()> {
    let words = Words::new(seed);
    writeln!(
        out,
        "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.11/\" version=\"0.11\" xml:lang=\"en\">\n  <siteinfo>\n    \
         <sitename>Synthetic</sitename>\n    <dbname>synthwiki</dbname>\n    <case>first-letter</case>\n    <namespaces>\n      \
         <namespace key=\"0\" case=\"first-letter\" />\n      <namespace key=\"2\" case=\"first-letter\">User</namespace>\n    \
         </namespaces>\n  </siteinfo>"
    )?;
    for place in 0..count {
        let pick = mixed(seed ^ 2, place);
        // One in a hundred is the copy of an earlier one.
        let origin = if pick.is_multiple_of(100) && place > 0 { pick / 100 % place } else { place };
        let contributor = match pick % 4 {
            0 => format!("<ip>198.51.100.{}</ip>", pick / 4 % 256),
            _ => format!("<username>Xqzt-Contributor-{}</username><id>{}</id>", pick / 4 % 50_000, pick / 4 % 50_000),
        };
        let (id, revision) = (place * 3 + 10, 1_000_000 + place * 7);
        let text = escaped(&article(&words, seed, origin));
        writeln!(
            out,
            "  <page>\n    <title>Article {place}</title>\n    <ns>0</ns>\n    <id>{id}</id>\n    <revision>\n      <id>{revision}</id>\n      \
             <parentid>{}</parentid>\n      <timestamp>2026-01-02T03:04:05Z</timestamp>\n      <contributor>{contributor}</contributor>\n      \
             <comment>by Xqzt-Contributor</comment>\n      <model>wikitext</model>\n      <format>text/x-wiki</format>\n      \
             <text bytes=\"{}\" xml:space=\"preserve\">{text}</text>\n    </revision>\n  </page>",
            revision - 1,
            text.len()
        )?;
    }
    writeln!(out, "</mediawiki>")
}

fn digests(out: &mut impl Write, count: u64, binary: bool, seed: u64) -> io::Result<()> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut line = [b'\n'; 65];
    for place in 0..count {
        let pick = mixed(seed ^ 3, place);
        let origin = if pick.is_multiple_of(10) && place > 0 { pick / 10 % place } else { place };
        let mut digest = [0; 32];
        for (part, word) in digest.chunks_exact_mut(8).zip(0..) {
            part.copy_from_slice(&mixed(seed ^ 4, origin * 4 + word).to_be_bytes());
        }
        if binary {
            out.write_all(&digest)?;
            continue;
        }
        for (pair, byte) in line.chunks_exact_mut(2).zip(digest) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        out.write_all(&line)?;
    }
    Ok(())
}

fn text(out: &mut impl Write, most: u64, seed: u64) -> io::Result<()> {
    let words = Words::new(seed);
    let mut numbers = Numbers { seed, place: 0 };
    let mut written = 0;
    while written < most {
        let mut paragraph = String::new();
        words.paragraph(&mut numbers, false, &mut paragraph);
        out.write_all(paragraph.as_bytes())?;
        written += paragraph.len() as u64;
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (mut what, mut count, mut seed, mut binary) = (None, None, Some(1), false);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--binary" => binary = true,
            "--seed" => seed = words.next().and_then(|seed| seed.parse().ok()),
            _ if what.is_none() => what = Some(word),
            number => count = number.parse::<u64>().ok(),
        }
    }
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let written = match (what.as_deref(), count, seed) {
        (Some("digests"), Some(count), Some(seed)) => digests(&mut out, count, binary, seed),
        (Some("dump"), Some(count), Some(seed)) => dump(&mut out, count, seed),
        (Some("text"), Some(most), Some(seed)) => text(&mut out, most, seed),
        _ => {
            eprintln!("usage: synth digests N [--binary] | dump N | text BYTES   [--seed S]");
            return ExitCode::from(2);
        }
    };
    match written.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("synth: {e}");
            ExitCode::FAILURE
        }
    }
}
