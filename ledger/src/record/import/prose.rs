//! The prose of a card: its title, its opening paragraph, and the sections that say what a model is for.
//!
//! Markdown is read line by line and only as far as display needs it: headings (ATX and setext), fenced code, HTML
//! comments. It is no Markdown renderer, and nothing it says is signed other than as text.

use super::fit::cut;

/// Characters of a section. Arithmetic: at most six sections are taken over, 24,000 characters together; the sections of
/// the real cards at hand have up to 1,400.
pub(crate) const MAX_SECTION_CHARS: usize = 4_000;

/// A heading and the text below it, up to the next heading of the same or a higher rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The heading.
    pub(crate) heading: String,
    /// The text, with the headings below it, trimmed.
    pub(crate) text: String,
    rank: usize,
}

/// What the prose of a card says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Prose {
    /// The first heading of the first rank.
    pub(crate) title: Option<String>,
    /// The first paragraph of text.
    pub(crate) summary: Option<String>,
    /// All sections in order.
    pub(crate) sections: Vec<Section>,
}

impl Prose {
    /// The first section with text whose heading has one of these words in it, cut to [`MAX_SECTION_CHARS`], and whether it was cut.
    pub(crate) fn section(&self, words: &[&str]) -> Option<(String, bool)> {
        let wanted = |section: &&Section| {
            let heading = section.heading.to_lowercase();
            words.iter().any(|word| heading.contains(word))
        };
        let section = self.sections.iter().filter(wanted).find(|section| says_something(&section.text))?;
        Some(cut(section.text.clone(), MAX_SECTION_CHARS))
    }
}

/// Reads the prose of a card.
pub(crate) fn read(text: &str) -> Prose {
    let text = without_comments(&super::front_matter::unix_line_ends(text));
    let mut prose = Prose::default();
    // Places in `prose.sections` of the sections that still go on; their ranks rise.
    let mut open: Vec<usize> = Vec::new();
    let mut paragraph = String::new();
    let mut fence: Option<&str> = None;
    let lines: Vec<&str> = text.lines().collect();
    let mut i = 0;
    while let Some(line) = lines.get(i) {
        i += 1;
        let trimmed = line.trim();
        let in_code = fence.is_some();
        match fence {
            Some(mark) if trimmed.starts_with(mark) => fence = None,
            None if trimmed.starts_with("```") => fence = Some("```"),
            None if trimmed.starts_with("~~~") => fence = Some("~~~"),
            _ => {}
        }
        let heading = if in_code { None } else { heading(line, lines.get(i)) };
        if let Some((rank, heading, two_lines)) = heading {
            i += usize::from(two_lines);
            open.retain(|at| prose.sections[*at].rank < rank);
            if rank == 1 && prose.title.is_none() {
                prose.title = Some(heading.clone());
            }
            for at in &open {
                prose.sections[*at].text.push_str(&format!("{heading}\n"));
            }
            open.push(prose.sections.len());
            prose.sections.push(Section { heading, text: String::new(), rank });
            finish(&mut paragraph, &mut prose.summary);
            continue;
        }
        for at in &open {
            let text = &mut prose.sections[*at].text;
            text.push_str(line);
            text.push('\n');
        }
        let prose_line = !in_code && fence.is_none() && !trimmed.is_empty() && is_prose(trimmed);
        if prose_line {
            paragraph.push_str(if paragraph.is_empty() { "" } else { " " });
            paragraph.push_str(trimmed);
        } else {
            finish(&mut paragraph, &mut prose.summary);
        }
    }
    finish(&mut paragraph, &mut prose.summary);
    for section in &mut prose.sections {
        section.text = section.text.trim().to_owned();
    }
    prose
}

fn finish(paragraph: &mut String, summary: &mut Option<String>) {
    let paragraph = core::mem::take(paragraph);
    if summary.is_none() && says_something(&paragraph) {
        *summary = Some(paragraph);
    }
}

/// Templates leave this where their reader should have written something.
fn says_something(text: &str) -> bool {
    let rest = text.replace("[More Information Needed]", "").replace("[optional]", "");
    rest.split_whitespace().any(|word| word.chars().any(char::is_alphanumeric))
}

/// Neither a table, nor a list, nor a quotation, nor raw HTML, nor a picture.
fn is_prose(line: &str) -> bool {
    let numbered = line.split_once(['.', ')']).is_some_and(|(head, rest)| {
        !head.is_empty() && head.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(' ')
    });
    let badge = line.starts_with("[![") || line.starts_with("![");
    !(numbered
        || badge
        || line.starts_with(['|', '<', '>', '='])
        || ["- ", "* ", "+ ", "---", "***", "{{", "{%"].iter().any(|mark| line.starts_with(mark)))
}

/// Rank and text of a heading, and whether it takes two lines.
fn heading(line: &str, next: Option<&&str>) -> Option<(usize, String, bool)> {
    let rank = line.bytes().take_while(|b| *b == b'#').count();
    if (1..=6).contains(&rank) {
        let rest = &line[rank..];
        let text = rest.trim().trim_end_matches('#').trim();
        return (rest.starts_with([' ', '\t']) && !text.is_empty()).then(|| (rank, text.to_owned(), false));
    }
    let underline = next?.trim();
    let text = line.trim();
    if text.is_empty() || !is_prose(text) || underline.len() < 3 {
        return None;
    }
    let rank = match underline {
        _ if underline.bytes().all(|b| b == b'=') => 1,
        _ if underline.bytes().all(|b| b == b'-') => 2,
        _ => return None,
    };
    Some((rank, text.to_owned(), true))
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        out.push_str(&rest[..start]);
        match rest[start..].find("-->") {
            Some(end) => rest = &rest[start + end + 3..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const CARD: &str = "<!-- note -->\n![badge](x)\n\n# Heron\n\nHeron reads gauges\nand writes text.\n\n## Intended uses\n\nReading.\n\n### Out of scope\n\nFlood alarms.\n\n## How to run\n\n```sh\n# not a heading\n```\n\nLimits\n------\n\nSmall.\n\n## Bias\n\n[More Information Needed]\n";

    #[test]
    fn title_summary_and_sections() {
        let prose = read(CARD);
        assert_eq!(prose.title.as_deref(), Some("Heron"));
        assert_eq!(prose.summary.as_deref(), Some("Heron reads gauges and writes text."));
        let headings: Vec<&str> = prose.sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(headings.len(), 6, "{headings:?}");
        assert_eq!(prose.section(&["intended"]).unwrap().0, "Reading.\n\nOut of scope\n\nFlood alarms.");
        assert_eq!(prose.section(&["limits"]).unwrap().0, "Small.");
        assert_eq!(prose.section(&["bias"]), None);
    }

    #[test]
    fn long_sections_are_cut() {
        let text = format!("# A\n\n## Uses\n\n{}", "word ".repeat(2_000));
        let (section, cut) = read(&text).section(&["uses"]).unwrap();
        assert!(cut && section.chars().count() == MAX_SECTION_CHARS);
    }

    #[test]
    fn many_headings_cost_no_more_than_their_text() {
        assert_eq!(read(&"# x\n".repeat(20_000)).sections.len(), 20_000);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}|[-#=`|<!> a\n]{0,80}") {
            read(&text);
        }
    }
}
