//! `colophon log state`

use std::collections::BTreeMap;

use ledger::ids::LeafIndex;
use ledger::record::kind::Kind;
use ledger::state::{Edge, Figure, Records, State, quarrel};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::failure::Result;
use crate::follow::View;
use crate::followed::Followed;
use crate::output::Answer;
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Show the effective state of a log: who may say what, what is agreed, what is open
///
/// Folded here from the log's entries, hashed to the signed root. The digest is that of the whole state: two who folded the
/// same entries print the same one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log state --log https://log.example.org --json")]
pub(crate) struct Args {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let (state, now) = (&log.state, session.now());
    let digest = digest(state)?;
    let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, agreement) in state.agreements() {
        *statuses.entry(agreement.status(now).as_str()).or_default() += 1;
    }
    let in_force = |id: &str| state.keys_of(id).filter(|(_, key)| key.revoked.is_none()).count();
    let clocks = state.preferences().flat_map(|(id, _)| state.clocks(id));
    let (open, overdue) = clocks.fold((0u64, 0u64), |(open, overdue), clock| {
        (open + u64::from(!clock.is_answered()), overdue + u64::from(clock.is_overdue(now)))
    });
    let (mut disputes, mut open_disputes) = (0u64, 0u64);
    for index in log.along(&Edge::Kind(Kind::Dispute.as_str().to_owned()), LeafIndex(0), usize::MAX)? {
        if let Some(item) = log.item(index)? {
            disputes += 1;
            open_disputes += u64::from(quarrel(&log, item)?.is_open());
        }
    }
    let limits: Map<String, Value> =
        Figure::ALL.into_iter().map(|figure| (figure.name().to_owned(), json!(state.figure(figure)))).collect();
    let parties: Vec<Value> = state
        .parties()
        .map(|(id, party)| {
            json!({
                "id": id, "roles": party.roles, "registered": party.index.to_string(), "keysInForce": in_force(id),
                "keys": state.keys_of(id).count(),
            })
        })
        .collect();
    let policy = state.policy().map(|policy| {
        json!({
            "index": policy.index.to_string(), "operators": policy.operators, "limits": limits,
            "council": { "seats": policy.council.len(), "threshold": policy.threshold },
        })
    });
    let rows = state.parties().map(|(id, party)| {
        let roles: Vec<String> =
            party.roles.iter().map(|role| json!(role).as_str().unwrap_or_default().to_owned()).collect();
        [
            id.to_owned(),
            roles.join(", "),
            format!("{} of {}", in_force(id), state.keys_of(id).count()),
            party.index.to_string(),
        ]
    });
    let mut text = session.out.table(["PARTY", "ROLES", "KEYS IN FORCE", "ENTRY"], rows);
    if let Some(policy) = state.policy() {
        text.push_str(&format!(
            "\n\npolicy       entry {}; council {} of {}",
            policy.index,
            policy.threshold,
            policy.council.len()
        ));
    }
    let list: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    text.push_str(&format!(
        "\nagreements   {list}\npreferences  {}; answers {open} open, {overdue} overdue",
        state.preferences().count()
    ));
    text.push_str(&format!(
        "\ndisputes     {disputes}, {open_disputes} open\nstate        sha256 {digest}\n\n{}\n",
        log.freshness()
    ));
    let json = json!({
        "now": time(now),
        "log": log.origin(),
        "digest": digest,
        "policy": policy,
        "parties": parties,
        "agreements": statuses,
        "preferences": { "count": state.preferences().count(), "answersOpen": open, "answersOverdue": overdue },
        "disputes": { "count": disputes, "open": open_disputes },
    });
    Ok(Answer::new(text, json))
}

/// SHA-256 of the state as JSON. Its maps are sorted, so equal states have equal bytes.
fn digest(state: &State) -> Result<String> {
    let bytes = serde_json::to_vec(state)
        .map_err(|error| crate::failure::CliError::new(ledger::Code::Internal, error.to_string()))?;
    Ok(ledger::ids::to_hex(&Sha256::digest(bytes)))
}
