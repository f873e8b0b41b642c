//! `colophon preference declare`

use ledger::ids::RecordId;
use ledger::record::aipref::{Category, Preference, VOCABULARY};
use ledger::record::kind::Kind;
use ledger::record::kinds::{Allowance, Authority, Preferences, Scope};
use ledger::record::terms::Timestamp;
use serde_json::{Map, Value, json};

use crate::draft::Draft;
use crate::failure::{CliError, Result};
use crate::output::Answer;
use crate::saying::{SayArgs, moment, needs, record_id, set, word};
use crate::scope::scopes;
use crate::session::Session;

/// Say how some content may be used: an opt-out or an opt-in
///
/// In the terms of the IETF's AIPREF vocabulary. It holds from the moment the log receives it, never backwards. What it is
/// about is named by content keys, which stay in the body and never enter the log's tree. Whoever belongs to no party
/// speaks with a key of their own (--fresh-key); such a statement decides nothing until a steward vouches for it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon preference declare page:enwiki/12 --disallow train-ai --to example-ai --fresh-key --log https://log.example.org\n  colophon preference declare prefix:https://example.org/blog/ --raw \"train-ai=n, search=y\" --authority organisation --issuer example-press --key press"
)]
pub(crate) struct Args {
    /// What it is about: an address, prefix:ADDRESS, page:WIKI/ID, rev:WIKI/ID, title:WIKI/TITLE, sha256:HEX or KIND=KEY
    #[arg(value_name = "CONTENT", value_parser = about)]
    scope: Vec<About>,
    /// A use that is disallowed: train-ai or search; may be repeated
    #[arg(long, value_name = "USE", value_parser = category)]
    disallow: Vec<Category>,
    /// A use that is allowed: train-ai or search; may be repeated
    #[arg(long, value_name = "USE", value_parser = category)]
    allow: Vec<Category>,
    /// A Content-Usage field as it stands elsewhere; it is kept verbatim and read for --allow and --disallow
    #[arg(long, value_name = "FIELD")]
    raw: Option<String>,
    /// On whose authority: self, organisation, collective or delegate
    #[arg(long, value_name = "WHOSE", value_parser = authority)]
    authority: Option<Authority>,
    /// A party that is asked for an answer, whose clock runs; may be repeated
    #[arg(long = "to", value_name = "PARTY")]
    addressees: Vec<String>,
    /// From when, if not from now on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    applies_from: Option<Timestamp>,
    /// An earlier preference of the same speaker that this one takes the place of
    #[arg(long, value_name = "RECORD", value_parser = record_id)]
    instead_of: Option<RecordId>,
    #[command(flatten)]
    say: SayArgs,
}

/// What one argument is about.
#[derive(Debug, Clone)]
struct About(Vec<Scope>);

fn about(text: &str) -> std::result::Result<About, String> {
    scopes(text).map(About)
}

pub(super) fn category(text: &str) -> std::result::Result<Category, String> {
    let known = Category::ALL.into_iter().find(|category| category.as_str() == text);
    known.ok_or_else(|| "expected train-ai or search".to_owned())
}

fn authority(text: &str) -> std::result::Result<Authority, String> {
    word(text, "self, organisation, collective or delegate")
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::UsagePreference, session)?;
    preferences(args, &mut draft)?;
    let scope: Vec<&Scope> = args.scope.iter().flat_map(|about| &about.0).collect();
    set(&mut draft, "scope", (!scope.is_empty()).then(|| json!(scope)));
    set(&mut draft, "raw", args.raw.clone());
    set(&mut draft, "authority", args.authority.map(|authority| json!(authority)));
    set(&mut draft, "addressees", (!args.addressees.is_empty()).then(|| json!(args.addressees)));
    set(&mut draft, "appliesFrom", args.applies_from.as_ref().map(|from| json!(from)));
    set(&mut draft, "supersedes", args.instead_of.map(|id| json!([id.to_reference()])));
    draft.predicate.entry("vocabulary").or_insert_with(|| json!(VOCABULARY));
    draft.predicate.entry("authority").or_insert_with(|| json!(Authority::Own));
    needs(&draft, "scope", "what it is about, as page:enwiki/12")?;
    args.say.say(draft, "preference", session)
}

/// The categories: of the field, then of the flags, which say more.
fn preferences(args: &Args, draft: &mut Draft) -> Result<()> {
    let mut said: Map<String, Value> = match draft.predicate.remove("preferences") {
        Some(Value::Object(said)) => said,
        _ => Map::new(),
    };
    if let Some(raw) = &args.raw {
        let field = Preferences::from_field(raw);
        for category in Category::ALL {
            match field.about(category) {
                Preference::Allowed => _ = said.insert(category.as_str().to_owned(), json!(Allowance::Allow)),
                Preference::Disallowed => _ = said.insert(category.as_str().to_owned(), json!(Allowance::Disallow)),
                Preference::Unknown => {}
            }
        }
    }
    if let Some(both) = args.allow.iter().find(|allowed| args.disallow.contains(allowed)) {
        return Err(CliError::usage(format!("{} is both allowed and disallowed", both.as_str()))
            .hint("Say one of them; where statements of several parties differ, a disallow wins."));
    }
    let flags = args.allow.iter().map(|category| (category, Allowance::Allow));
    for (category, allowance) in flags.chain(args.disallow.iter().map(|category| (category, Allowance::Disallow))) {
        said.insert(category.as_str().to_owned(), json!(allowance));
    }
    if said.is_empty() {
        return Err(CliError::usage("it says nothing about any use")
            .hint("Pass --disallow train-ai, --allow search, or --raw \"train-ai=n\"."));
    }
    draft.predicate.insert("preferences".to_owned(), Value::Object(said));
    Ok(())
}
