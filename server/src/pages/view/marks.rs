//! What a reader should know about a record besides what it says, in words: each mark with its code and a link to the
//! entry that makes it so.
//!
//! Which marks a record has is computed by [`ledger::state::marks`] and [`ledger::state::Fate`], where clients compute it
//! too. Here they are put into words, and two are added that stop nobody: that a steward vouches, that there are corrections.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::Code;
use ledger::ids::{LeafIndex, UnixMillis};
use ledger::state::Mark;

use super::moment::Moment;
use super::said::{Allowance, Said};
use super::seen::Seen;

/// Corrections that are linked one by one, the newest.
const MAX_LINKED: usize = 8;

/// All marks of a record.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "marks.html")]
pub struct Marks {
    list: Vec<MarkLine>,
}

impl HtmlSafe for Marks {}

/// One mark.
#[derive(Debug, Clone)]
struct MarkLine {
    code: &'static str,
    title: &'static str,
    text: Said,
    by: Vec<LeafIndex>,
    warns: bool,
}

impl Marks {
    /// The marks of `seen`: those that were found, and what became of it since.
    pub fn new(seen: &Seen, found: &[Mark], now: UnixMillis, allowance: &mut Allowance) -> Self {
        let mut list = Vec::new();
        let mut add = |code, title, text: &str, by: Vec<LeafIndex>, warns| {
            list.push(MarkLine { code, title, text: allowance.said(text, 600), by, warns });
        };
        for mark in found {
            let by: Vec<LeafIndex> = mark.because.into_iter().collect();
            let code = mark.code.as_str();
            match mark.code {
                Code::Redacted => add(code, "Redacted", REDACTED, by, true),
                Code::DisputedKey => {
                    let text = format!("Its signature holds, but {}, says the one who revoked the key.", mark.detail);
                    add(code, "Key in doubt", &text, by, true);
                }
                Code::Unvouched => add(code, "Unvouched", UNVOUCHED, by, true),
                Code::IssuedDoubtful => add(code, "Date in doubt", &dates(seen, now), by, true),
                Code::Withdrawn if seen.fate.taken_back_by.is_some() => {
                    add(code, "Taken back", "Its issuer does not stand by this record any more.", by, true);
                }
                Code::Withdrawn => add(code, "Superseded", "Its issuer put another record in its place.", by, true),
                // A mark of a newer library stands as it is.
                _ => add(code, "Marked", &mark.detail, by, true),
            }
        }
        if seen.content.is_none() && !found.iter().any(|mark| mark.code == Code::Redacted) {
            add(Code::Redacted.as_str(), "Redacted", REDACTED, Vec::new(), true);
        }
        if !seen.fate.corrected_by.is_empty() {
            let by = seen.fate.corrected_by.iter().rev().take(MAX_LINKED).copied().collect();
            add("corrected", "Corrected", "Its issuer says that something in it is wrong, and what.", by, true);
        }
        if seen.fate.expired {
            let until = seen.text(&["validUntil"]).unwrap_or_default();
            add("expired", "Over", &format!("It was valid until {until}, says its issuer."), Vec::new(), true);
        }
        if let Some(vouched) = &seen.vouched {
            let text =
                format!("No party of this log owns the signer's key; the steward {} vouches for it.", vouched.issuer);
            add("vouched", "Vouched for", &text, vec![vouched.index], false);
        }
        Self { list }
    }
}

const REDACTED: &str = "The text of this record was redacted: the record that did it says on whose authority and why. Its \
    entry stays in the log: that it was signed, by whom and when can still be proven; what it said cannot be read here any \
    more.";

const UNVOUCHED: &str = "The signer's key belongs to no party of this log, and no steward vouches for it. Whoever holds the \
    key said this; nobody here answers for who that is.";

fn dates(seen: &Seen, now: UnixMillis) -> String {
    let received = Moment::new(seen.received, now).day();
    let issued = seen.text(&["issued"]).unwrap_or("at no time");
    format!(
        "Its issuer dates it {issued}, and the log received it on {received}. Nothing here rests on the issuer's date."
    )
}
