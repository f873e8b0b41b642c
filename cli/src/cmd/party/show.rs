//! `colophon party show`

use ledger::Code;
use ledger::state::Standing;
use serde_json::{Value, json};

use crate::failure::{CliError, Result};
use crate::follow::View;
use crate::followed::Followed;
use crate::output::Answer;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Show what a party may do, and its keys in time
///
/// Folded from the log's entries. A signature counts if its key was in force at the index of its entry; nothing can be
/// backdated.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon party show example-lab --log https://log.example.org")]
pub(crate) struct Args {
    /// The party's id
    id: String,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let Some(party) = log.state.party(&args.id) else {
        return Err(CliError::new(Code::NotFound, "no party of this log has this id")
            .at(args.id.clone())
            .hint("`colophon log state` lists them all."));
    };
    let next = ledger::ids::LeafIndex(view.size().0);
    let mut keys: Vec<_> = log.state.keys_of(&args.id).collect();
    keys.sort_by_key(|(_, key)| key.registered);
    let mut text = format!("party      {}\nentry      {}\n", crate::output::shown(&args.id), party.index);
    let roles: Vec<String> =
        party.roles.iter().map(|role| json!(role).as_str().unwrap_or_default().to_owned()).collect();
    text.push_str(&format!("roles      {}\n", roles.join(", ")));
    let mut items = Vec::with_capacity(keys.len());
    for (id, key) in keys {
        let in_force = matches!(log.state.standing(id, next), Standing::InForce { .. });
        text.push_str(&format!("key        {id}, {:?}, from entry {} on", key.key_use, key.registered).to_lowercase());
        let mut revoked = Value::Null;
        if let Some(revocation) = key.revoked {
            let reason = json!(revocation.reason);
            text.push_str(&format!("; revoked by entry {}: {}", revocation.index, reason.as_str().unwrap_or_default()));
            if let Some(from) = revocation.compromised_from {
                text.push_str(&format!(", signatures from entry {from} on are in doubt"));
            }
            revoked = json!({
                "index": revocation.index.to_string(), "reason": reason,
                "compromisedFromIndex": revocation.compromised_from.map(|index| index.to_string()),
            });
        }
        text.push('\n');
        items.push(json!({
            "keyid": id, "publicKey": key.public_key, "use": key.key_use, "registered": key.registered.to_string(),
            "revoked": revoked, "inForce": in_force,
        }));
    }
    text.push_str(&format!("\n{}\n", log.freshness()));
    let json = json!({
        "id": args.id, "roles": party.roles, "registered": party.index.to_string(), "keys": items, "log": log.origin(),
    });
    Ok(Answer::new(text, json))
}
