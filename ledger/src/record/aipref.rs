//! Usage preferences as the IETF's AIPREF working group writes them: a structured field, and how statements combine.
//!
//! A statement says `y` or `n` about a category; anything else, an absent category, and a field that does not parse say
//! nothing. Of several statements about one thing any disallow wins, else any allow, else nothing is known: that nobody said
//! anything is never permission. A statement is about the time after it was made.
//!
//! Here is how a field or a `robots.txt` is read and what statements come to, nothing else: nothing is fetched, and whose
//! statements count is decided by [`state`](crate::state). Sources: draft-ietf-aipref-vocab, "Exemplary Serialization Format" and
//! "Processing Algorithm"; draft-ietf-aipref-attach; RFC 9651 (structured fields); RFC 9309 (robots). The drafts change, so
//! every record names the version that it means.

use sfv::{BareItem, Dictionary, ListEntry, Parser};

use serde::Serialize;
use serde_json::Value;

use super::kinds::{Allowance, Preferences};

/// The version of the vocabulary whose categories this module knows.
pub const VOCABULARY: &str = "draft-ietf-aipref-vocab-06";

/// A use of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Training a model.
    TrainAi,
    /// Searching.
    Search,
}

impl Category {
    /// Both.
    pub const ALL: [Self; 2] = [Self::TrainAi, Self::Search];

    /// The key in a field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrainAi => "train-ai",
            Self::Search => "search",
        }
    }
}

/// What statements come to, for one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Preference {
    /// Nobody said anything.
    #[default]
    Unknown,
    /// Somebody allowed it and nobody disallowed it.
    Allowed,
    /// Somebody disallowed it.
    Disallowed,
}

impl Preference {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Allowed => "allowed",
            Self::Disallowed => "disallowed",
        }
    }

    /// Both statements together: any disallow wins, else any allow.
    ///
    /// ```
    /// use ledger::record::aipref::Preference::*;
    /// assert_eq!(Allowed.and(Disallowed), Disallowed);
    /// assert_eq!(Unknown.and(Allowed), Allowed);
    /// ```
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        // The order of the variants is the order of their weight.
        self.max(other)
    }
}

impl From<Option<Allowance>> for Preference {
    fn from(allowance: Option<Allowance>) -> Self {
        match allowance {
            None => Self::Unknown,
            Some(Allowance::Allow) => Self::Allowed,
            Some(Allowance::Disallow) => Self::Disallowed,
        }
    }
}

impl Preferences {
    /// Reads the value of a `Content-Usage` field. One that does not parse says nothing.
    ///
    /// ```
    /// use ledger::record::{aipref::{Category, Preference}, kinds::Preferences};
    ///
    /// let read = Preferences::from_field("train-ai=n, search=y, train-genai=n");
    /// assert_eq!(read.about(Category::TrainAi), Preference::Disallowed);
    /// assert_eq!(read.about(Category::Search), Preference::Allowed);
    /// assert_eq!(read.other["train-genai"], "disallow"); // unknown, and kept
    /// ```
    pub fn from_field(field: &str) -> Self {
        let mut read = Self::default();
        // RFC 9651 §4.2: surrounding spaces are not part of the value.
        let Ok(dictionary) = Parser::new(field.trim_matches(' ')).parse::<Dictionary>() else { return read };
        for (key, entry) in dictionary {
            let allowance = match &entry {
                ListEntry::Item(item) => allowance(&item.bare_item),
                ListEntry::InnerList(_) => None,
            };
            match key.as_str() {
                "train-ai" => read.train_ai = allowance,
                "search" => read.search = allowance,
                name => {
                    let value = allowance.map_or(Value::Null, |allowance| serde_json::json!(allowance));
                    read.other.insert(name.to_owned(), value);
                }
            }
        }
        read
    }

    /// What is stated about a category.
    pub fn about(&self, category: Category) -> Preference {
        match category {
            Category::TrainAi => self.train_ai.into(),
            Category::Search => self.search.into(),
        }
    }
}

/// `y` and `n` as tokens; a string, a truth value or a number says nothing.
fn allowance(item: &BareItem) -> Option<Allowance> {
    match item.as_token()?.as_str() {
        "y" => Some(Allowance::Allow),
        "n" => Some(Allowance::Disallow),
        _ => None,
    }
}

/// The rules of a `robots.txt` (RFC 9309) with their `Content-Usage` lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Robots {
    groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Group {
    agents: Vec<String>,
    crawl: Vec<(String, bool)>,
    usage: Vec<(String, String)>,
}

/// What a `robots.txt` says about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotsAnswer {
    /// Whether it may be crawled.
    pub crawl: bool,
    /// The `Content-Usage` values that apply, verbatim; none where it may not be crawled.
    pub usage: Vec<String>,
}

impl RobotsAnswer {
    /// What they come to together.
    pub fn about(&self, category: Category) -> Preference {
        let each = self.usage.iter().map(|field| Preferences::from_field(field).about(category));
        each.fold(Preference::Unknown, Preference::and)
    }
}

impl Robots {
    /// Reads the text. What is no rule is passed over, as RFC 9309 has it.
    pub fn parse(text: &str) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut naming = false;
        for line in text.trim_start_matches('\u{feff}').lines() {
            // RFC 9309 ends a rule at a number sign. A structured field may hold one inside quotes, where no known
            // category has its value.
            let line = line.split('#').next().unwrap_or_default();
            let Some((name, value)) = line.split_once(':') else { continue };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "user-agent" {
                if !naming {
                    groups.push(Group::default());
                }
                naming = true;
                if let Some(group) = groups.last_mut() {
                    group.agents.push(value.to_ascii_lowercase());
                }
                continue;
            }
            let Some(group) = groups.last_mut() else { continue };
            match name.as_str() {
                "allow" if !value.is_empty() => group.crawl.push((value.to_owned(), true)),
                "disallow" if !value.is_empty() => group.crawl.push((value.to_owned(), false)),
                "allow" | "disallow" => {}
                "content-usage" => {
                    let (path, usage) = match value.split_once([' ', '\t']) {
                        Some((path, usage)) if path.starts_with('/') => (path, usage.trim_start()),
                        _ if value.starts_with('/') => (value, ""),
                        _ => ("/", value),
                    };
                    group.usage.push((path.to_owned(), usage.to_owned()));
                }
                _ => continue,
            }
            naming = false;
        }
        Self { groups }
    }

    /// What the rules say to the crawler with this product token about a path.
    pub fn answer(&self, agent: &str, path: &str) -> RobotsAnswer {
        let agent = agent.to_ascii_lowercase();
        let of = |name: &str| -> Vec<&Group> {
            self.groups.iter().filter(|group| group.agents.iter().any(|one| one == name)).collect()
        };
        // Groups for the same agent are one group; the star is for those that none names (RFC 9309 §2.2.1).
        let mut groups = of(&agent);
        if groups.is_empty() {
            groups = of("*");
        }
        let rules = groups.iter().flat_map(|group| &group.crawl);
        // The longest match decides; of equals the permission (RFC 9309 §2.2.2).
        let decides = rules.filter(|(rule, _)| matches(rule, path)).map(|(rule, allowed)| (rule.len(), *allowed)).max();
        if !decides.is_none_or(|(_, allowed)| allowed) {
            return RobotsAnswer { crawl: false, usage: Vec::new() };
        }
        let usage = groups.iter().flat_map(|group| &group.usage).filter(|(rule, _)| matches(rule, path));
        let usage: Vec<&(String, String)> = usage.collect();
        let longest = usage.iter().map(|(rule, _)| rule.len()).max();
        let usage = usage.into_iter().filter(|(rule, _)| Some(rule.len()) == longest);
        RobotsAnswer { crawl: true, usage: usage.map(|(_, field)| field.clone()).collect() }
    }
}

/// Whether a path begins as the rule says, where `*` stands for anything and a `$` at the end for the end.
fn matches(rule: &str, path: &str) -> bool {
    let (rule, anchored) = rule.strip_suffix('$').map_or((rule, false), |rule| (rule, true));
    let (first, later) = rule.split_once('*').map_or((rule, None), |(first, later)| (first, Some(later)));
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let Some(later) = later else { return !anchored || rest.is_empty() };
    let (middle, last) = later.rsplit_once('*').map_or(("", later), |(middle, last)| (middle, last));
    for part in middle.split('*') {
        // The first place where a part fits leaves the most room for those after it.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    if anchored { rest.ends_with(last) } else { rest.contains(last) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn both(field: &str) -> (Preference, Preference) {
        let read = Preferences::from_field(field);
        (read.about(Category::TrainAi), read.about(Category::Search))
    }

    use Preference::{Allowed, Disallowed, Unknown};

    fn expected(word: &Value) -> Preference {
        match word.as_str() {
            Some("allowed") => Allowed,
            Some("disallowed") => Disallowed,
            _ => Unknown,
        }
    }

    #[test]
    fn the_working_groups_vectors_6_parse_3_combine_2_robots() {
        let Some(folder) = crate::record::import::test_data("aipref") else { return };
        let vectors: Value = serde_json::from_slice(&std::fs::read(folder.join("vectors.json")).unwrap()).unwrap();
        let (mut parsed, mut combined, mut robots) = (0, 0, 0);
        for vector in vectors["vectors"].as_array().unwrap() {
            let input = vector["input"].as_str().unwrap();
            let expect = (expected(&vector["expect"]["train-ai"]), expected(&vector["expect"]["search"]));
            assert_eq!(both(input), expect, "{input:?}");
            parsed += 1;
        }
        for vector in vectors["combine"].as_array().unwrap() {
            let statements: Vec<&str> =
                vector["statements"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            for category in Category::ALL {
                let each = statements.iter().map(|field| Preferences::from_field(field).about(category));
                let found = each.fold(Unknown, Preference::and);
                assert_eq!(found, expected(&vector["expect"][category.as_str()]), "{statements:?}");
            }
            combined += 1;
        }
        let rules = Robots::parse(vectors["robots"]["text"].as_str().unwrap());
        for vector in vectors["robots"]["expect"].as_array().unwrap() {
            let answer = rules.answer("AnyBot", vector["path"].as_str().unwrap());
            assert_eq!(answer.crawl, vector["crawl"].as_bool().unwrap());
            assert_eq!(answer.usage.first().map(String::as_str), vector["pref"].as_str());
            robots += 1;
        }
        // The second group of the file is for one crawler.
        assert_eq!(rules.answer("examplebot", "/test").about(Category::TrainAi), Allowed);
        assert_eq!((parsed, combined, robots), (6, 3, 3));
    }

    #[test]
    fn what_the_vectors_leave_out() {
        // Spaces around the value are not part of it; a tab is not a space.
        assert_eq!(both("  train-ai=n  "), (Disallowed, Unknown));
        assert_eq!(both("\ttrain-ai=n"), (Unknown, Unknown));
        // Optional spaces around commas, not around the equals sign; no comma at the end.
        assert_eq!(both("train-ai=n ,\tsearch=y"), (Disallowed, Allowed));
        assert_eq!(both("train-ai = n"), (Unknown, Unknown));
        assert_eq!(both("train-ai=n,"), (Unknown, Unknown));
        // Values that are not the two tokens.
        for field in
            ["train-ai", "train-ai=?0", "train-ai=0", "train-ai=no", "train-ai=N", "train-ai=(n)", "train-ai=\"n\""]
        {
            assert_eq!(both(&format!("{field}, search=n")), (Unknown, Disallowed), "{field}");
        }
        // The last of two wins, also over a good one.
        assert_eq!(both("train-ai=n, train-ai=y"), (Allowed, Unknown));
        assert_eq!(both("train-ai=n, train-ai=maybe"), (Unknown, Unknown));
        // Parameters are not looked at.
        assert_eq!(both("train-ai=n;exceptions=cc-cr"), (Disallowed, Unknown));
        // One bad member makes the field say nothing.
        assert_eq!(both("train-ai=n, =y"), (Unknown, Unknown));
        assert_eq!(both("train-ai=n, naïve=y"), (Unknown, Unknown));
        // Categories of older drafts are kept and count for nothing.
        let old = Preferences::from_field("genai=n, tdm=y, bots=?1");
        assert_eq!((old.train_ai, old.search, old.other.len()), (None, None, 3));
        assert_eq!(old.other["bots"], Value::Null);
    }

    #[test]
    fn any_disallow_wins_whatever_the_order() {
        let all = [Unknown, Allowed, Disallowed];
        for a in all {
            for b in all {
                assert_eq!(a.and(b), b.and(a));
                for c in all {
                    assert_eq!(a.and(b).and(c), a.and(b.and(c)));
                }
            }
            assert_eq!(a.and(a), a);
            assert_eq!(a.and(Unknown), a);
            assert_eq!(a.and(Disallowed), Disallowed);
        }
    }

    #[test]
    fn robots_rules_that_the_vectors_leave_out() {
        let rules = Robots::parse(concat!(
            "\u{feff}# a comment\r\nContent-Usage: train-ai=y\r\n",
            "USER-AGENT: a\r\nUser-agent: B # both\r\nDisallow:\r\nallow: /x\r\ndisallow: /x\r\nCONTENT-USAGE: search=y\r\n",
            "User-agent: a\r\nContent-Usage: /x train-ai=n\r\nContent-Usage: /x search=n\r\n",
            "User-agent: *\r\nDisallow: /*.gif$\r\nContent-Usage: /*/raw train-ai=n\r\nContent-Usage: /old\r\n",
        ));
        // Rules before the first agent are nobody's; groups of one agent are one; equals permit; equals combine.
        let both = rules.answer("A", "/x/y");
        assert_eq!((both.crawl, both.usage.len()), (true, 2));
        assert_eq!((both.about(Category::TrainAi), both.about(Category::Search)), (Disallowed, Disallowed));
        assert_eq!(rules.answer("b", "/y").about(Category::Search), Allowed);
        assert_eq!(rules.answer("c", "/y"), RobotsAnswer { crawl: true, usage: Vec::new() });
        assert!(!rules.answer("c", "/a/b.gif").crawl);
        assert!(rules.answer("c", "/a/b.gif?x").crawl);
        assert_eq!(rules.answer("c", "/a/raw/1").about(Category::TrainAi), Disallowed);
        // A rule with a path and no value says nothing, and is the longest that applies.
        assert_eq!(rules.answer("c", "/old/raw").usage, ["train-ai=n"]);
        assert_eq!(rules.answer("c", "/old").usage, [""]);
        assert_eq!(Robots::parse("").answer("c", "/"), RobotsAnswer { crawl: true, usage: Vec::new() });
    }

    #[test]
    fn a_star_stands_for_anything_and_a_dollar_for_the_end() {
        for (rule, path, fits) in [
            ("/", "/a", true),
            ("/a", "/b", false),
            ("/*b", "/aab", true),
            ("/a$", "/a", true),
            ("/a$", "/ab", false),
            ("/*.gif$", "/a.gif.gif", true),
            ("/*.gif$", "/a.gif.png", false),
            ("/*aa$", "/aaa", true),
            ("/*a*a$", "/a", false),
            ("/a*", "/a", true),
            ("/a*$", "/abc", true),
            ("*", "/", true),
        ] {
            assert_eq!(matches(rule, path), fits, "{rule} {path}");
        }
    }
}
