//! `colophon log trust`

use std::path::PathBuf;

use ledger::Code;
use ledger::entry::Entry;
use ledger::merkle::LeafHash;
use ledger::note::policy::MAX_POLICY_LEN;
use ledger::note::{Policy, VerifierKey};
use ledger::record::kinds::Predicate;
use ledger::verify::Trust;
use serde_json::json;

use crate::client::Client;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::follow::View;
use crate::output::Answer;
use crate::pins::Pins;
use crate::session::Session;

/// Pin a log: decide to believe it
///
/// With --policy, believe checkpoints that meet this tlog-policy; take the file from the log's operator, by a way that you
/// trust. With an address and --vkey, the log is fetched, checked with that key from entry 0 on, and its own policy is
/// pinned together with the hash of entry 0. Nothing is ever pinned without one of the two.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon log trust --policy policy.txt --genesis 1f0c…\n  colophon log trust https://log.example.org --vkey log.example.org+1a2b3c4d+AX…"
)]
pub(crate) struct Args {
    /// The log's address
    url: Option<String>,
    /// The log's verifier key, as its operator publishes it
    #[arg(long, value_name = "VKEY", requires = "url", required_unless_present = "policy")]
    vkey: Option<String>,
    /// A tlog-policy: the log's key, its witnesses, the quorum
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The leaf hash of entry 0, in hexadecimal; with an address it is found and checked
    #[arg(long, value_name = "HEX")]
    genesis: Option<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut genesis = args.genesis.clone();
    let policy_text = match &args.policy {
        Some(path) => {
            let text = String::from_utf8(files::read(path, MAX_POLICY_LEN)?)
                .map_err(|_| CliError::new(Code::PolicyInvalid, "the policy is not UTF-8"))
                .at(path.display())?;
            let policy = Policy::parse(text.as_bytes()).at(path.display())?;
            if let Some(vkey) = &args.vkey {
                let key = verifier_key(vkey)?;
                if !policy.logs().iter().any(|log| log.key() == &key) {
                    let found = "the policy is of a log with another key";
                    return Err(CliError::new(Code::PolicyUnmet, found)
                        .at("--vkey")
                        .hint("One of the two is not of this log: ask its operator for both again."));
                }
            }
            if let Some(url) = &args.url {
                let found = introduce(url, policy, genesis.as_deref(), session)?;
                genesis = Some(found.genesis);
            }
            text
        }
        None => {
            let (Some(url), Some(vkey)) = (&args.url, &args.vkey) else {
                return Err(CliError::usage("an address alone is nobody to trust").hint("Pass --vkey or --policy."));
            };
            let key = verifier_key(vkey)?;
            let found = introduce(url, Policy::of_log(&key, &[])?, genesis.as_deref(), session);
            let found = found.map_err(|error| match error.code() {
                Code::OriginMismatch => {
                    error.hint(format!("The key is that of {}; ask who gave it for the address.", key.name()))
                }
                _ => error,
            })?;
            genesis = Some(found.genesis);
            found.policy
        }
    };
    let pin = Pins::of(&session.config).save(&policy_text, args.url.as_deref(), genesis.as_deref())?;
    let witnesses = pin.policy.witnesses().count();
    let text = format!(
        "pinned   {}\nwitness  {}\ngenesis  {}\nfile     {}",
        pin.origin,
        if pin.policy.needs_witnesses() { format!("{witnesses} known, a quorum is needed") } else { "none".to_owned() },
        pin.genesis.as_deref().unwrap_or("not pinned"),
        pin.path.display(),
    );
    let json = json!({
        "origin": pin.origin,
        "url": pin.url,
        "policy": pin.policy_text,
        "genesis": pin.genesis,
        "file": files::to_json(&pin.path),
    });
    Ok(Answer::new(text, json))
}

fn verifier_key(text: &str) -> Result<VerifierKey> {
    text.parse().map_err(|error: ledger::note::KeyError| CliError::usage(error.to_string())).at("--vkey")
}

/// What a log says about itself, checked with the key that the user gave.
struct Introduced {
    policy: String,
    genesis: String,
}

/// Follows a log from entry 0 and takes the policy that entry 0 states, which must hold for the log's own checkpoint.
///
/// The user vouched for the log's key. What entry 0 says is what that key signed from its first day on, and no later
/// entry is taken over: a log cannot change its own witnesses in somebody's pin.
fn introduce(url: &str, policy: Policy, genesis: Option<&str>, session: &Session) -> Result<Introduced> {
    let client = Client::new(url, &session.config)?;
    let genesis = genesis.map(crate::pins::leaf_hash).transpose()?;
    let view = View::open(session, &client, &Trust { genesis, ..Trust::new(policy) })?;
    let mut first = None;
    view.scan(&|index, _| index.0 == 0, &mut |entry| {
        if entry.index.0 == 0 {
            first = entry.record.filter(|_| entry.counts).map(|record| (record, entry.header.clone(), entry.body));
        }
        Ok(())
    })?;
    let invalid = |found: &str| CliError::new(Code::PolicyInvalid, found).at(format!("{url}: entry 0"));
    let (record, header, body) = first.ok_or_else(|| invalid("entry 0 is no log-policy that its operators signed"))?;
    let Predicate::LogPolicy(stated) = &record.predicate else { return Err(invalid("entry 0 is no log-policy")) };
    let stated_policy = Policy::parse(stated.witnesses.as_bytes()).at(format!("{url}: entry 0"))?;
    // The user vouched for one key: what entry 0 says of other logs, or under another name, is nobody's word.
    let vouched = view.accepted().log();
    if stated.origin != vouched.name().as_str() || !matches!(stated_policy.logs(), [only] if only.key() == vouched) {
        return Err(invalid("entry 0 is the policy of another log, or its witness policy lists one"));
    }
    stated_policy.check(view.note()).at(format!("{url}: the policy of entry 0"))?;
    let leaf = LeafHash::of_entry(&Entry { header, body }.encode()?);
    Ok(Introduced { policy: stated.witnesses.clone(), genesis: ledger::ids::to_hex(leaf.as_bytes()) })
}
