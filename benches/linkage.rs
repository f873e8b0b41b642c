//! How many editors of a wiki could have asked a few linked questions, by how many bits of each page's key the server saw.
//!
//! ```text
//! cargo bench -p colophon-tests --bench linkage                       # the table of docs/PRIVACY.md, about a minute
//! cargo bench -p colophon-tests --bench linkage -- 50000 1000000      # so many editors, so many pages
//! ```
//!
//! Editors are made up: how many pages one has edited follows a power law, and which pages is skewed as on a wiki, where a few
//! are edited by many. Edit histories are public, so whoever sees the prefixes of m pages of one asker may look up who edited
//! a page under each of them. The simulation is deterministic: a seed, no clock.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{HashMap, HashSet};

/// What the real wiki has, so that prefixes have as many pages as there: 7 million articles.
const ARTICLES: f64 = 7.0e6;

/// Editors that ask, one after another; each is looked for among all.
const ASKERS: usize = 200;

const BITS: [u32; 5] = [20, 16, 14, 12, 8];
const QUESTIONS: [usize; 5] = [1, 3, 5, 10, 20];

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Between 0 and 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A key's first bits, as good as those of SHA-256 for counting.
fn mixed(number: u64) -> u64 {
    let mut x = number;
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let (editors, pages) = match args[..] {
        [editors, pages] => (editors as usize, pages),
        _ => (100_000, 1_000_000),
    };
    let mut dice = Dice(2026);
    let histories: Vec<Vec<u32>> = (0..editors).map(|_| history(&mut dice, pages)).collect();
    let edits: usize = histories.iter().map(Vec::len).sum();
    println!(
        "{editors} editors of at least 5 pages, {pages} pages, {edits} pairs of editor and page; {ASKERS} askers\n"
    );
    println!(
        "Median number of editors who edited a page under every prefix seen; in brackets, askers that were alone.\n"
    );
    println!("| bits told | pages a prefix | {} |", QUESTIONS.map(|m| format!("{m} linked")).join(" | "));
    println!("|---|---|{}", "---|".repeat(QUESTIONS.len()));
    let askers: Vec<usize> = (0..editors).filter(|e| (20..=2000).contains(&histories[*e].len())).take(ASKERS).collect();
    for bits in BITS {
        // As many pages a prefix as on the real wiki: the simulated one is smaller, so fewer bits say as much.
        let told = f64::from(bits) - (ARTICLES / pages as f64).log2();
        let prefixes = told.exp2().max(1.0) as u64;
        let of = |page: u32| mixed(u64::from(page) ^ 0x5bd1_e995) % prefixes;
        let seen: Vec<HashSet<u64>> =
            histories.iter().map(|pages| pages.iter().map(|page| of(*page)).collect()).collect();
        let mut editors_of: HashMap<u64, Vec<u32>> = HashMap::new();
        for (editor, prefixes) in (0..).zip(&seen) {
            prefixes.iter().for_each(|prefix| editors_of.entry(*prefix).or_default().push(editor));
        }
        let mut cells = Vec::new();
        for m in QUESTIONS {
            let mut candidates: Vec<usize> = askers
                .iter()
                .map(|asker| {
                    let mut dice = Dice(*asker as u64);
                    let own = &histories[*asker];
                    let asked: Vec<u64> = (0..m).map(|_| of(own[dice.next() as usize % own.len()])).collect();
                    // Whoever fits is among the editors of the prefix that has the fewest.
                    let fewest = asked.iter().map(|prefix| &editors_of[prefix]).min_by_key(|list| list.len()).unwrap();
                    let fits = |editor: &&u32| asked.iter().all(|prefix| seen[**editor as usize].contains(prefix));
                    fewest.iter().filter(fits).count()
                })
                .collect();
            candidates.sort_unstable();
            let alone = candidates.iter().filter(|n| **n == 1).count() * 100 / candidates.len();
            cells.push(format!("{} ({alone} %)", candidates[candidates.len() / 2]));
        }
        println!("| {bits} | {:.1} | {} |", ARTICLES / f64::from(bits).exp2(), cells.join(" | "));
    }
}

/// The different pages of one editor: at least 5, of 2,000 at most, a power law of exponent 2 between.
fn history(dice: &mut Dice, pages: u64) -> Vec<u32> {
    let wanted = (5.0 / (1.0 - dice.part()).max(0.0025)) as usize;
    let mut own = HashSet::new();
    while own.len() < wanted {
        // The square root of the rank's weight: a page of rank r is edited in proportion to r^(-1/2).
        let part = dice.part();
        own.insert((part * part * pages as f64) as u32);
    }
    let mut own: Vec<u32> = own.into_iter().collect();
    own.sort_unstable();
    own
}
