//! `colophon agreement`

mod comment;
mod phase;
mod propose;
mod ratify;
mod status;
mod veto;

use ledger::ids::{RecordId, SubjectDigest};
use ledger::record::kind::Kind;
use ledger::record::kinds::{COUNCIL, Phase};
use ledger::record::terms::PartyId;
use serde_json::{Map, json};

use crate::draft::Draft;
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::SayArgs;
use crate::session::Session;

/// Propose agreements, comment on them, decide about them, and see where they stand
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Propose(propose::Args),
    Comment(comment::Args),
    Phase(phase::Args),
    Ratify(ratify::Args),
    Veto(veto::Args),
    Status(status::Args),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Propose(args) => propose::run(&args, session),
            Self::Comment(args) => comment::run(&args, session),
            Self::Phase(args) => phase::run(&args, session),
            Self::Ratify(args) => ratify::run(&args, session),
            Self::Veto(args) => veto::run(&args, session),
            Self::Status(args) => status::run(&args, session),
        }
    }
}

/// What a decision says besides its phase.
#[derive(Debug, Clone, clap::Args)]
struct DecisionArgs {
    /// SHA-256 of the decision's text, wherever that is kept
    #[arg(long, value_name = "SHA256")]
    decision: Option<SubjectDigest>,
    /// How the vote went: FOR,AGAINST or FOR,AGAINST,ABSTAINED. What counts are the signatures
    #[arg(long, value_name = "VOTES", value_parser = tally)]
    tally: Option<[u32; 3]>,
}

fn tally(text: &str) -> std::result::Result<[u32; 3], String> {
    let numbers: std::result::Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([yes, no]) => Ok([*yes, *no, 0]),
        Ok([yes, no, neither]) => Ok([*yes, *no, *neither]),
        _ => Err("expected numbers such as 3,1,1".into()),
    }
}

/// Says a step in an agreement's life. The council speaks under its own name unless a party is named.
fn step(
    agreement: RecordId,
    phase: Phase,
    decision: Option<&DecisionArgs>,
    say: &SayArgs,
    session: &Session,
) -> Result<Answer> {
    let mut predicate = Map::new();
    predicate.insert("agreement".to_owned(), json!(agreement.to_reference()));
    predicate.insert("phase".to_owned(), json!(phase));
    if let Some(digest) = decision.and_then(|decision| decision.decision) {
        predicate.insert("decision".to_owned(), json!(digest));
    }
    if let Some([yes, no, neither]) = decision.and_then(|decision| decision.tally) {
        predicate.insert("tally".to_owned(), json!({ "for": yes, "against": no, "abstained": neither }));
    }
    let draft = Draft { kind: Kind::GovernanceEvent, subjects: Vec::new(), predicate };
    let issuer = match (&say.issuer, phase.needs_council()) {
        (None, true) => Some(
            COUNCIL
                .parse::<PartyId>()
                .map_err(|error| crate::failure::CliError::new(ledger::Code::Internal, error.to_string()))?,
        ),
        _ => say.speaker(session)?,
    };
    say.say_as(draft, issuer, &say.keys, &format!("agreement-{}", phase.as_str()), session)
}
