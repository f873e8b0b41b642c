//! What an asker may have meant: titles of pages that a text seems to come from, and other spellings of a title.
//!
//! Guesses, and only ever asked as such: that a page of this title is in a dataset says that the text was looked for near the
//! right place, and no more. They hold words of the text, so they are never printed with a question.

use core::fmt;

use super::Question;
use crate::manifest::mediawiki::Wiki;

/// So many are asked for: more would be a question in bulk.
const MAX_TITLES: usize = 3;

/// Titles are short; what is longer is a sentence.
const MAX_WORDS: usize = 8;

/// Titles to look for beside a question.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Titles(pub(super) Vec<String>);

impl fmt::Debug for Titles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Titles({})", self.0.len())
    }
}

impl Question {
    /// Pages of a wiki that may be meant, as a question of their own; empty if nothing comes to mind.
    pub fn nearest(&self, wiki: &Wiki) -> Self {
        let mut question = Self::default();
        for title in &self.near.0 {
            if let Ok(title) = Self::of_title(wiki, title)
                && question.parts.iter().map(|part| part.keys.len()).sum::<usize>() + title.parts[0].keys.len()
                    <= MAX_TITLES
            {
                question = question.and(Self { near: Titles::default(), ..title });
            }
        }
        question
    }
}

/// Titles that the beginning of a text suggests: its first line if it is a heading, what stands in bold, and what the first
/// sentence says something about.
pub(super) fn of_text(text: &str) -> Titles {
    let mut titles = Vec::new();
    let mut add = |title: &str| {
        let title = title.trim_matches(|c: char| c.is_whitespace() || "=,;:\"'“”".contains(c));
        let words = title.split_whitespace().count();
        let known = titles.iter().any(|known: &String| known == title);
        if (1..=MAX_WORDS).contains(&words) && title.len() <= 200 && !known && titles.len() < MAX_TITLES {
            titles.push(title.to_owned());
        }
    };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return Titles::default() };
    if let Some((_, rest)) = text.split_once("'''")
        && let Some((bold, _)) = rest.split_once("'''")
    {
        add(bold);
    }
    let sentence = if first.ends_with('.') || first.chars().count() > 80 {
        first
    } else {
        add(first);
        lines.next().unwrap_or_default()
    };
    let ends = [" is ", " was ", " are ", " were ", " (", ", "];
    if let Some(at) = ends.iter().filter_map(|end| sentence.find(end)).min() {
        let subject = sentence[..at].replace("'''", "").replace("''", "");
        let bare = ["The ", "A ", "An "].iter().find_map(|article| subject.strip_prefix(article));
        add(bare.unwrap_or(&subject));
        add(&subject);
    }
    Titles(titles)
}

/// Other spellings of a title: without what stands in brackets behind it, each word capitalised, and only the first.
pub(super) fn of_title(title: &str) -> Titles {
    let name = title.split('#').next().unwrap_or_default().replace('_', " ");
    let mut titles: Vec<String> = Vec::new();
    let mut add = |other: String| {
        if other != name && !other.is_empty() && !titles.contains(&other) {
            titles.push(other);
        }
    };
    add(name.split(" (").next().unwrap_or_default().to_owned());
    let capital = |word: &str| {
        let mut rest = word.chars();
        let first: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
        format!("{first}{}", rest.as_str())
    };
    let lower = name.to_lowercase();
    add(lower.split(' ').map(capital).collect::<Vec<_>>().join(" "));
    add(capital(&lower));
    Titles(titles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_text_suggests_its_page() {
        let titles = |text: &str| of_text(text).0;
        assert_eq!(
            titles("The Lorn is a river in the north of the Arden country. It rises near Hale."),
            ["Lorn", "The Lorn"]
        );
        assert_eq!(titles("'''Anarchism''' is a [[philosophy]]."), ["Anarchism"]);
        assert_eq!(titles("Skerry Estuary\n\nThe estuary was formed late.")[0], "Skerry Estuary");
        assert_eq!(titles("Ada Lovelace (1815–1852) wrote a program.")[0], "Ada Lovelace");
        assert!(titles("").is_empty());
        assert!(
            titles("it goes on and on and on and on without any end that would be a title at all of anything")
                .is_empty()
        );
    }

    #[test]
    fn a_title_has_other_spellings() {
        assert_eq!(of_title("new york City").0, ["New York City", "New york city"]);
        assert_eq!(of_title("Mercury (planet)").0[0], "Mercury");
    }

    #[test]
    fn guesses_are_never_printed() {
        assert_eq!(format!("{:?}", of_text("Secret is a word.")), "Titles(1)");
    }
}
