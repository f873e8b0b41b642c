//! One model or dataset, with everything that the log has about it.

use ledger::Code;
use ledger::ids::{SubjectDigest, UnixMillis};
use ledger::record::kind::Kind;
use ledger::record::kinds::{Predicate, Verdict};
use ledger::record::terms::moment;
use ledger::state::findings::{self, Finding};
use ledger::state::{CardView, Claim, Fate, Item, LicenseView, Quarrel};
use serde::Serialize;
use serde_json::{Value, json};

use super::{became, mark, name};
use crate::failure::{CliError, Result};
use crate::followed::{Followed, finding_text};
use crate::output::{Answer, Mark, clipped, shown};
use crate::screen::time;
use crate::session::Session;

/// Entries of one list on the screen. A model of hundreds of sources is read with `--json`.
const MAX_LISTED: usize = 20;

pub(super) fn one(log: &Followed<'_>, named: SubjectDigest, kinds: &[Kind], session: &Session) -> Result<Answer> {
    let now = session.now();
    let mut meant = Vec::new();
    for kind in kinds {
        meant.extend(CardView::named(log, &log.state, named, kind, usize::MAX, now)?);
    }
    let record = match meant.as_slice() {
        [record] => *record,
        [] => {
            let what = "no such card of this log has this record id, or is about an artefact of this digest";
            let hint = "`colophon card status` lists them all.";
            return Err(CliError::new(Code::NotFound, what).at(named.to_string()).hint(hint));
        }
        _ => {
            let what = "a model and a dataset are about this artefact";
            return Err(CliError::usage(what).at(named.to_string()).hint("Say which with --kind."));
        }
    };
    let (found, memberships) = log.findings(session, |asked| {
        let Some(view) = CardView::of(asked.records, asked.state, record, asked.now)? else { return Ok(None) };
        let findings = findings::about_card(asked, &view)?;
        Ok(Some((view, findings)))
    })?;
    let Some((view, findings)) = found else {
        return Err(CliError::new(Code::NotFound, "the card cannot be read").at(record.to_reference()));
    };
    let mut json = view.to_json(record, &moment);
    json["findings"] = json!(findings.iter().map(|finding| finding.to_json(&moment)).collect::<Vec<Value>>());
    json["now"] = json!(moment(now));
    json["log"] = log.origin();
    let screen = Screen { log, view: &view, now, session };
    let mut text = screen.text(&findings)?;
    let exit = memberships.say_unchecked(&mut text, &mut json);
    Ok(Answer::new(text, json).with_exit(exit))
}

/// What the screen of one card is made of.
struct Screen<'a> {
    log: &'a Followed<'a>,
    view: &'a CardView,
    now: UnixMillis,
    session: &'a Session<'a>,
}

impl Screen<'_> {
    fn text(&self, findings: &[Finding]) -> Result<String> {
        let view = self.view;
        let mut text = self.head();
        text.push_str(&self.claims());
        self.list("Sources", view.sources(), &source, &mut text)?;
        self.list("Used by", view.used_by.iter(), &source, &mut text)?;
        self.list("Manifests", view.manifests.iter(), &manifest, &mut text)?;
        if !view.audits.is_empty() {
            text.push_str(&format!("\nAudits ({})\n", view.audits.len()));
        }
        for audit in &view.audits {
            let holds = if audit.valid { "valid" } else { "does not hold any more" };
            let mark = match audit.verdict {
                None => Mark::Open,
                _ if !audit.valid => Mark::Open,
                Some(Verdict::Conformant) => Mark::Good,
                Some(Verdict::Partial) => Mark::Warning,
                Some(Verdict::NonConformant | Verdict::Withdrawn) => Mark::Bad,
            };
            let line = match audit.verdict {
                Some(verdict) => format!("{}, made {}, {holds}", word(verdict), time(audit.made)),
                None => format!("redacted, received {}, {holds}", time(audit.made)),
            };
            text.push_str(&format!("  {} {}: {line}\n", self.session.out.mark(mark), by(&audit.item)));
        }
        if !view.disputes.is_empty() {
            text.push_str(&format!("\nDisputes ({})\n", view.disputes.len()));
        }
        for quarrel in &view.disputes {
            let mark = if quarrel.is_open() { Mark::Warning } else { Mark::Open };
            text.push_str(&format!("  {} {}: {}\n", self.session.out.mark(mark), by(&quarrel.dispute), ended(quarrel)));
        }
        let others = [
            ("Incidents", Kind::Incident),
            ("Corrections", Kind::Correction),
            ("Attribution reports", Kind::AttributionReport),
        ];
        for (title, kind) in others {
            self.list(title, view.of_kind(&kind), &|_| String::new(), &mut text)?;
        }
        if !findings.is_empty() {
            text.push_str("\nWhat does not fit together\n");
            findings.iter().for_each(|finding| text.push_str(&finding_text(finding)));
        }
        text.push_str(&format!("\n{}\n", self.log.freshness()));
        Ok(text)
    }

    fn head(&self) -> String {
        let (view, out) = (self.view, self.session.out);
        let stands = view.license_agreement();
        let word = out.paint(mark(stands), stands.as_str());
        let mut text = format!("{} {word}: how the claims about its licence stand\n", out.mark(mark(stands)));
        let mut row = |name: &str, value: String| text.push_str(&format!("  {name:<12} {value}\n"));
        let Some(newest) = view.newest() else { return text };
        row(&newest.header.kind, clipped(&name(view), 100));
        row("issuer", shown(&newest.header.issuer));
        row("newest", format!("entry {}, record {}", newest.index, newest.header.record));
        if view.versions.len() > 1 {
            let entries: Vec<String> = view.versions.iter().map(|version| version.index.to_string()).collect();
            row("versions", format!("{}: entries {}", entries.len(), entries.join(", ")));
        }
        let fate = became(&view.fate);
        row("fate", if fate.is_empty() { "its issuer stands by it".to_owned() } else { fate.join(", ") });
        text
    }

    /// Claims side by side: of each part the word, what it means, who says what, and the advice.
    fn claims(&self) -> String {
        let view = self.view;
        let mut text = format!("\nClaims about the licence ({})\n", view.claims.len());
        if view.licenses.is_empty() {
            text.push_str(&format!("  none: {}\n", view.license_agreement().definition()));
        }
        for license in &view.licenses {
            text.push_str(&self.part(license));
        }
        text
    }

    fn part(&self, license: &LicenseView) -> String {
        let out = self.session.out;
        let stands = license.agreement;
        let part = license.part.as_ref().map(|part| format!(", {}", clipped(part, 60))).unwrap_or_default();
        let mut text = format!(
            "  {} {}{part}: {}\n      {}\n",
            out.mark(mark(stands)),
            word(license.of),
            out.paint(mark(stands), stands.as_str()),
            stands.definition()
        );
        let claims = self.view.claims.iter().filter(|claim| license.claims.contains(&claim.record));
        for claim in claims.clone().take(MAX_LISTED) {
            text.push_str(&format!("      {}\n", claimed(claim)));
        }
        text.push_str(&more(claims.count()));
        if let Some(reading) = license.reading {
            let incomplete =
                if reading.complete { "" } else { " (incomplete: the terms of one of them are not known)" };
            let words = reading.in_words().join(", ");
            text.push_str(&format!("      advice, for whoever keeps to every claim at once: {words}{incomplete}\n"));
        }
        text
    }

    /// Entries under a title, each with what became of it; nothing where there is none.
    fn list<'a>(
        &self,
        title: &str,
        items: impl Iterator<Item = &'a Item>,
        says: &dyn Fn(&Predicate) -> String,
        text: &mut String,
    ) -> Result<()> {
        let items: Vec<&Item> = items.collect();
        if items.is_empty() {
            return Ok(());
        }
        text.push_str(&format!("\n{title} ({})\n", items.len()));
        for item in items.iter().take(MAX_LISTED) {
            let said = item.record.as_ref().map(|record| says(&record.predicate)).filter(|said| !said.is_empty());
            let fate = became(&Fate::of(self.log, &self.log.state, item, self.now)?);
            let words: Vec<String> = said.into_iter().chain(fate).collect();
            let colon = if words.is_empty() { "" } else { ": " };
            text.push_str(&format!("  – {}{colon}{}\n", by(item), words.join(", ")));
        }
        text.push_str(&more(items.len()));
        Ok(())
    }
}

/// That a list goes on.
fn more(count: usize) -> String {
    match count.checked_sub(MAX_LISTED) {
        None | Some(0) => String::new(),
        Some(more) => format!("      and {more} more; --json has them all\n"),
    }
}

fn by(item: &Item) -> String {
    format!("entry {} by {}", item.index, clipped(&item.header.issuer, 40))
}

fn claimed(claim: &Claim) -> String {
    let role = claim.role.as_deref().map_or_else(|| "no role".to_owned(), |role| clipped(role, 24));
    let quoted = |text: &str| format!("“{}”", clipped(text, 60));
    let says = match (&claim.declared, &claim.expression) {
        (Some(declared), Some(expression)) if declared == expression => clipped(expression, 80),
        (Some(declared), Some(expression)) => format!("{}, as {}", quoted(declared), clipped(expression, 80)),
        (None, Some(expression)) => clipped(expression, 80),
        (Some(declared), None) => format!("{}, which names no licence that is known here", quoted(declared)),
        (None, None) => "nothing is asserted".to_owned(),
    };
    format!("{role:<14} {}: {says}, entry {}", clipped(&claim.issuer, 40), claim.index)
}

fn ended(quarrel: &Quarrel) -> String {
    let Some(closed) = &quarrel.closed_by else { return "open".to_owned() };
    let outcome = quarrel.outcome().map_or_else(|| "taken back".to_owned(), word);
    format!("closed, {outcome}, by entry {}", closed.index)
}

fn source(said: &Predicate) -> String {
    match said {
        Predicate::TrainingSource(source) => {
            format!("{} “{}”", word(source.relation), clipped(&source.dataset.name, 60))
        }
        _ => String::new(),
    }
}

fn manifest(said: &Predicate) -> String {
    let Predicate::Manifest(manifest) = said else { return String::new() };
    let kinds: Vec<String> = manifest.keyspaces.iter().map(|keyspace| clipped(&keyspace.kind, 24)).collect();
    kinds.join(", ")
}

/// A word of a record, as its JSON has it.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
