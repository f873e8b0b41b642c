//! `/search`: one box that guesses what was put into it.
//!
//! The box is sent in a body. What names a record leads to its address; what looks like content leads to `/ask`, and never
//! into an address or a log.

use std::sync::PoisonError;

use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest};
use ledger::log::{Order, Term};

use super::form::Form;
use super::read::Reading;
use super::view::home::{Group, Search};
use super::view::said::Allowance;
use super::view::seen::Seen;
use super::{Request, names, reply};
use crate::problem::{Answer, Problem};
use crate::query::{Query, encode};

/// Records listed in one group.
const MAX_LINES: usize = 20;

/// The longest thing that is taken for a name. Party ids have up to 255 characters.
const MAX_NAME: usize = 255;

pub(super) fn get(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    let query = Query::parse(request.query, &["q"])?;
    let text = query.text("q").unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(reply::see_other("/"));
    }
    if let Some(address) = address(reading, text)? {
        return Ok(reply::see_other(&address));
    }
    Ok(reply::page(results(reading, text)?.to_string(), request.headers))
}

pub(super) fn post(reading: &Reading<'_>, form: &Form) -> Answer {
    let Some(text) = form.text("q")? else { return Ok(reply::see_other("/")) };
    if let Some(address) = address(reading, text)? {
        return Ok(reply::see_other(&address));
    }
    if is_content(text) {
        return Ok(reply::answer(results(reading, text)?.to_string()));
    }
    // A name can be shared, bookmarked and asked for again: it gets an address.
    Ok(reply::see_other(&format!("/search?q={}", encode(text))))
}

/// The address of the one thing that a text names.
fn address(reading: &Reading<'_>, text: &str) -> Result<Option<String>, Problem> {
    if let Ok(index) = text.parse::<LeafIndex>() {
        return Ok(reading.view.size.covers(index).then(|| format!("/r/{index}")));
    }
    let digits = text.strip_prefix(RecordId::REFERENCE_PREFIX).or_else(|| text.strip_prefix("sha256:")).unwrap_or(text);
    let digits = digits.strip_prefix("key:").unwrap_or(digits).to_ascii_lowercase();
    if let Ok(bytes) = ledger::ids::from_hex(&digits) {
        return by_digest(reading, bytes);
    }
    let known = text.len() <= MAX_NAME
        && (reading.view.state.party(text).is_some()
            || !reading.page(vec![Term::Issuer(text.to_owned())], Order::From(LeafIndex(0)), 1)?.entries.is_empty());
    Ok(known.then(|| format!("/p/{}", encode(text))))
}

fn by_digest(reading: &Reading<'_>, bytes: [u8; 32]) -> Result<Option<String>, Problem> {
    if let Some(record) = reading.record(RecordId::from_bytes(bytes))? {
        return Ok(Some(record.href()));
    }
    let subject = SubjectDigest::from_bytes(bytes);
    if let Some(thing) = reading.thing(subject)? {
        let page = if thing.kind == "model-card" { "m" } else { "d" };
        return Ok(Some(format!("/{page}/{subject}")));
    }
    let any = |term| Ok::<_, Problem>(!reading.page(vec![term], Order::From(LeafIndex(0)), 1)?.entries.is_empty());
    let key = KeyId::from_bytes(bytes);
    if let Some(known) = reading.view.state.key(&key) {
        return Ok(Some(match &known.owner {
            ledger::state::Owner::Party(id) => format!("/p/{}", encode(id)),
            ledger::state::Owner::Council => format!("/?signer={key}"),
        }));
    }
    if any(Term::Signer(key))? {
        return Ok(Some(format!("/?signer={key}")));
    }
    if any(Term::Subject(subject))? {
        return Ok(Some(format!("/?subject={subject}")));
    }
    let body = ledger::ids::BodyDigest::from_bytes(bytes);
    let entry = reading.pages.app.log.find_body(&reading.view, &body)?;
    Ok(entry.map(|entry| format!("/r/{}", entry.index)))
}

/// Whether a text is more likely somebody's content than the name of something.
fn is_content(text: &str) -> bool {
    text.len() > MAX_NAME
        || text.contains('\n')
        || text.starts_with("http://")
        || text.starts_with("https://")
        || text.split_whitespace().count() > 8
}

fn results(reading: &Reading<'_>, text: &str) -> Result<Search, Problem> {
    let mut allowance = Allowance::default();
    let mut groups = Vec::new();
    let content = is_content(text);
    let mut reach = "Only what entries say in their headers was looked through.".to_owned();
    if !content {
        let (found, complete) = {
            names::catch_up(reading)?;
            let names = reading.pages.names.lock().unwrap_or_else(PoisonError::into_inner);
            (names.find(text, MAX_LINES + 1), names.is_complete(reading.view.size.0))
        };
        reach = match complete {
            true => format!(
                "Names of all model cards, dataset cards and party profiles were looked through, up to {} entries.",
                reading.view.size
            ),
            false => {
                "Not all names were looked through yet: newer ones come first, and each search reads on.".to_owned()
            }
        };
        let more = found.len() > MAX_LINES;
        let mut records: Vec<Seen> = Vec::new();
        for index in found.into_iter().take(MAX_LINES) {
            // What was redacted since its name was read has no name any more.
            records.extend(reading.at(index)?.filter(|seen| seen.content.is_some()));
        }
        reading.settle(&mut records)?;
        if !records.is_empty() {
            let lines = records.iter().map(|seen| seen.line(reading.now, &mut allowance)).collect();
            groups.push(Group { how: "By name".to_owned(), lines, more });
        }
    }
    let mut shell = reading.shell("home");
    shell.title = "Search".to_owned();
    Ok(Search { shell, query: allowance.said(text, 300), groups, reach, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_content_is_not_taken_for_a_name() {
        for content in ["https://example.org/a", "two\nlines", "one two three four five six seven eight nine"] {
            assert!(is_content(content), "{content}");
        }
        for name in ["heron-lab", "all MiniLM L6 v2", "17"] {
            assert!(!is_content(name), "{name}");
        }
        assert!(is_content(&"x".repeat(256)));
    }
}
