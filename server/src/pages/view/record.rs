//! `/r/<index>`: one record, with everything that a reader needs to weigh it and to check it.

use askama::Template;
use ledger::ids::{LeafIndex, UnixMillis};

use super::facts::{Around, Facts, of_predicate};
use super::marks::Marks;
use super::moment::Moment;
use super::parts::{Hash, RecordLine, RecordLink, Speaker};
use super::remarks::Remarks;
use super::said::{Allowance, Said};
use super::seen::{Seen, kind_words};
use super::shell::{Shell, Site};

/// How many records that refer to this one are listed; the rest is a page of its own.
pub const MAX_REFERRING: usize = 20;

/// How many subjects are listed.
const MAX_SUBJECTS: usize = 24;

/// The page of one record.
#[derive(Debug, Template)]
#[template(path = "record.html")]
pub struct RecordPage {
    /// The frame.
    pub shell: Shell,
    /// Where it stands in the log.
    pub index: LeafIndex,
    /// Its id.
    pub record: Hash,
    /// Its id, for addresses.
    pub record_hex: String,
    /// What kind it is, in words.
    pub kind: Said,
    /// What it is about; `None` if it was redacted.
    pub about: Option<Said>,
    /// The page of the model, dataset or party that it describes.
    pub better: Option<String>,
    /// Whose words it is.
    pub speaker: Speaker,
    /// When its issuer says that it was issued.
    pub issued: Option<Moment>,
    /// When the log took it in.
    pub received: Moment,
    /// Who signed.
    pub signers: Vec<SignerLine>,
    /// What it is about.
    pub subjects: Vec<SubjectLine>,
    /// How many subjects are not listed.
    pub subjects_more: usize,
    /// What it says.
    pub facts: Facts,
    /// The records that it names.
    pub names: Vec<RecordLink>,
    /// How many more it names.
    pub names_more: usize,
    /// The records that name it or are about it.
    pub referring: Vec<RecordLine>,
    /// Whether there are more of those.
    pub referring_more: bool,
    /// What to know about it besides what it says.
    pub marks: Marks,
    /// The first entry of its id, if it is another than this one: this one has further signers.
    pub first: Option<LeafIndex>,
    /// Other entries of the same record.
    pub also_signed_in: Vec<LeafIndex>,
    /// What lint has to say.
    pub remarks: Remarks,
    /// Whether its kind is unknown to this version.
    pub unknown_kind: bool,
    /// SHA-256 of the body.
    pub body: Hash,
    /// Where the reader reached this server.
    pub site: Site,
}

/// One signer.
#[derive(Debug)]
pub struct SignerLine {
    /// The key.
    pub key: Hash,
    /// The party that owns it; `None` for a key that nobody owns.
    pub party: Option<Speaker>,
    /// Whether it is the council's.
    pub council: bool,
    /// Whether the party is the issuer.
    pub issuer: bool,
    /// The entry that registered it.
    pub registered: Option<LeafIndex>,
    /// The entry that revoked it, in words.
    pub revoked: Option<String>,
}

/// One subject.
#[derive(Debug)]
pub struct SubjectLine {
    /// Its name.
    pub name: Option<Said>,
    /// Its digest.
    pub digest: Option<Hash>,
    /// What this log knows about it.
    pub href: Option<String>,
}

/// What a page says about a record beyond the record itself.
#[derive(Debug, Default)]
pub struct Context<'a> {
    /// The records that name it or are about it, newest first.
    pub referring: &'a [Seen],
    /// Whether there are more.
    pub referring_more: bool,
    /// All entries of the same record id.
    pub same: &'a [LeafIndex],
    /// What to know about it besides what it says.
    pub marks: Marks,
}

impl RecordPage {
    /// The page of `seen`. `signers` are shown as they come.
    pub fn new(
        mut shell: Shell,
        site: Site,
        seen: &Seen,
        body: Hash,
        signers: Vec<SignerLine>,
        context: &Context<'_>,
        around: &Around<'_>,
    ) -> Self {
        let now: UnixMillis = around.now;
        let mut allowance = Allowance::default();
        let about = seen.about().map(|about| allowance.said(&about, 160));
        let kind = Said::whole(kind_words(&seen.kind));
        let named = about.as_ref().map_or("redacted", Said::plain);
        shell.title = format!("{} {}: {named}", capital(kind.plain()), seen.index);
        let content = seen.content.clone().unwrap_or_default();
        let subjects = content.subjects.iter().take(MAX_SUBJECTS).map(|subject| SubjectLine {
            name: subject.name.as_ref().map(|name| allowance.said(name, 200)),
            digest: subject.sha256.map(Hash::new),
            href: subject.sha256.map(|digest| format!("/?subject={digest}")),
        });
        let subjects: Vec<SubjectLine> = subjects.collect();
        // The rest of the page draws on the allowance before the predicate, which takes what is left.
        let referring: Vec<RecordLine> =
            context.referring.iter().take(MAX_REFERRING).map(|other| other.line(now, &mut allowance)).collect();
        let remarks = Remarks::new(&content, &mut allowance);
        let speaker = seen.speaker(&mut allowance);
        let unknown = |name: &str| content.unknown.contains(name);
        let skip = ["issuer", "issued"];
        let facts =
            of_predicate(&content.predicate, first_members(&seen.kind), &skip, &unknown, around, &mut allowance);
        let first = context.same.first().copied().filter(|first| *first != seen.index);
        Self {
            index: seen.index,
            record: Hash::new(seen.record),
            record_hex: seen.record.to_hex(),
            kind,
            about,
            better: Some(seen.href()).filter(|href| !href.starts_with("/r/")),
            speaker,
            issued: seen.issued(now),
            received: Moment::new(seen.received, now),
            signers,
            subjects_more: content.subjects.len().saturating_sub(MAX_SUBJECTS),
            subjects,
            facts,
            names: seen.refs.iter().take(20).map(|id| RecordLink::new(*id, (around.index_of)(*id))).collect(),
            names_more: seen.refs.len().saturating_sub(20),
            referring,
            referring_more: context.referring_more || context.referring.len() > MAX_REFERRING,
            marks: context.marks.clone(),
            first,
            also_signed_in: context.same.iter().copied().filter(|index| *index != seen.index).take(20).collect(),
            remarks,
            unknown_kind: !seen.is_known_kind(),
            body,
            site,
            shell,
        }
    }
}

/// The members that a reader wants first.
fn first_members(kind: &str) -> &'static [&'static str] {
    match kind {
        "model-card" => &["model_name", "version", "base_model", "license", "pipeline_tag", "language"],
        "dataset-card" => &["name", "version", "description", "license", "url", "creator"],
        "training-source" => &["relation", "dataset", "category", "pairs", "items", "startedAt", "endedAt"],
        "manifest" => &["dataset", "keyspaces"],
        "license-claim" => {
            &["licenseConcluded", "licenseDeclared", "acknowledgement", "claimantRole", "scope", "basis"]
        }
        "audit-attestation" => &["verdict", "target", "verifier", "timeCreated", "method", "scope", "assuranceLevel"],
        "party" => &["id", "roles", "keys"],
        "party-profile" => &["name", "contact"],
        "key-event" => &["event", "keyid", "replaces", "reason"],
        "index-root" => &["size", "root", "previous"],
        "log-policy" => &["origin", "operators", "rules"],
        "run-root" => &["keyKind", "from", "to", "keyspace"],
        _ => &[],
    }
}

/// The same with a capital first letter.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::card::fixture::{AROUND, known, shell, site};
    use super::super::seen::Warning;
    use super::super::seen::fixture::seen;
    use super::*;
    use ledger::state::Mark;

    fn signer(party: &str) -> SignerLine {
        SignerLine {
            key: Hash::new("7f".repeat(32)),
            party: Some(Speaker::new(party, None, &mut Allowance::default())),
            council: false,
            issuer: true,
            registered: Some(LeafIndex(2)),
            revoked: None,
        }
    }

    fn html(seen: &Seen, context: &Context<'_>) -> String {
        let body = Hash::new("cd".repeat(32));
        RecordPage::new(shell(), site(), seen, body, vec![signer("heron-lab")], context, &AROUND).to_string()
    }

    #[test]
    fn a_record_page_says_who_what_when_and_how_to_check() {
        let known = known();
        let mut card = known.cards[0].clone();
        let warning = |place: &str, detail: &str| Warning { place: place.to_owned(), detail: detail.to_owned() };
        card.content.as_mut().unwrap().warnings = vec![warning("/predicate/datasets", "the card names no dataset")];
        let referring: Vec<Seen> = known.audits.iter().chain(&known.claims).cloned().collect();
        let html = html(&card, &Context { referring: &referring, referring_more: true, ..Context::default() });
        super::super::gallery::keep("record", &html);
        for part in
            ["Model card", "Heron Lab", "not a member of this kind", "the card names no dataset", "colophon verify"]
        {
            assert!(html.contains(part), "{part}");
        }
        assert!(html.contains("It does not show that they are true"));
        assert!(html.len() < 50_000, "{}", html.len());
    }

    #[test]
    fn i09_a_redacted_record_is_never_called_missing() {
        let mut card = known().cards[0].clone();
        card.content = None;
        let mark = Mark { code: ledger::Code::Redacted, because: Some(LeafIndex(400)), detail: "erased".to_owned() };
        let marks = Marks::new(&card, &[mark], AROUND.now, &mut Allowance::default());
        let html = html(&card, &Context { marks, ..Context::default() });
        super::super::gallery::keep("redacted", &html);
        assert!(
            html.contains("was redacted") && html.contains("href=\"/r/400\"") && !html.contains("missing"),
            "{html}"
        );
        assert!(!html.contains("heron-minilm"), "what it said is gone");
    }

    #[test]
    fn m3_8_an_unknown_kind_and_an_unvouched_signer_are_marked() {
        let id = format!("key:{}", "ab".repeat(32));
        let comment = |kind| seen(30, kind, &id, "record:x", serde_json::json!({"grounds": "مرحبا"}));
        let mark = Mark { code: ledger::Code::Unvouched, because: None, detail: "nobody".to_owned() };
        let marks = Marks::new(&comment("comment"), &[mark], AROUND.now, &mut Allowance::default());
        let known = html(&comment("comment"), &Context { marks, ..Context::default() });
        assert!(known.contains("Unvouched") && !known.contains("does not know records of this kind"), "{known}");
        assert!(html(&comment("weather-report"), &Context::default()).contains("does not know records of this kind"));
    }
}
