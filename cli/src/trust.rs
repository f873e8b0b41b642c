//! Whom to believe: the policy of the command line, else the pin of the log in question. Never what a server says.

use std::path::PathBuf;

use ledger::Code;
use ledger::merkle::LeafHash;
use ledger::note::policy::MAX_POLICY_LEN;
use ledger::note::{Checkpoint, Policy, SignedNote};
use ledger::verify::Trust;

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::pins::{Pin, Pins, leaf_hash};
use crate::session::Session;

/// What decides whom to believe.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct TrustArgs {
    /// Believe checkpoints that meet this tlog-policy; the pinned one without it
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The leaf hash of entry 0, in hexadecimal; without it and without --policy the pinned one
    #[arg(long, value_name = "HEX")]
    pub genesis: Option<String>,
}

impl TrustArgs {
    /// The leaf hash of entry 0 that the flags say.
    pub(crate) fn genesis_hash(&self) -> Result<Option<LeafHash>> {
        self.genesis.as_deref().map(leaf_hash).transpose().at("--genesis")
    }

    /// The trust for a checkpoint that nobody has checked yet. Its first line only selects among the pins.
    pub(crate) fn for_checkpoint(&self, note: &[u8], session: &Session) -> Result<Trust> {
        let genesis = self.genesis_hash()?;
        if let Some(path) = &self.policy {
            let bytes = files::read(path, MAX_POLICY_LEN)?;
            let policy = Policy::parse(&bytes).at(path.display())?;
            return Ok(Trust { genesis, ..Trust::new(policy) });
        }
        let pins = Pins::of(&session.config).list()?;
        let origin = origin_of(note);
        let pin = match origin.as_deref() {
            Some(origin) => the_pin_of(&pins, origin)?,
            None => None,
        };
        // A checkpoint of a log that is not pinned is held against the only pin there is: the answer then names the
        // difference, which says more than "nothing is pinned".
        let pin = pin.or(match pins.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        match pin {
            Some(pin) => {
                let genesis = match genesis {
                    Some(genesis) => Some(genesis),
                    None => pin.genesis_hash()?,
                };
                Ok(Trust { genesis, ..Trust::new(pin.policy.clone()) })
            }
            None if pins.is_empty() => Err(CliError::new(Code::NoPolicy, "no log is pinned")),
            None => {
                let found = match origin {
                    Some(origin) => format!("none of the {} pinned logs is called {origin}", pins.len()),
                    None => "the file names no log".to_owned(),
                };
                Err(CliError::new(Code::NoPolicy, found))
            }
        }
    }
}

/// The pin of a log of this name. One that was made for another log and lists this one as well does not stand in for it.
fn the_pin_of<'a>(pins: &'a [Pin], origin: &str) -> Result<Option<&'a Pin>> {
    let listing: Vec<&Pin> = pins.iter().filter(|pin| pin.lists(origin)).collect();
    match (listing.iter().find(|pin| pin.origin == origin), listing.as_slice()) {
        (Some(own), _) => Ok(Some(own)),
        (None, [] | [_]) => Ok(listing.first().copied()),
        (None, several) => {
            let files: Vec<String> = several.iter().map(|pin| pin.path.display().to_string()).collect();
            Err(CliError::new(Code::NoPolicy, format!("{} pins list {origin}: {}", several.len(), files.join(", ")))
                .hint("Pass --policy FILE, or remove all of them but one."))
        }
    }
}

/// The name in a checkpoint that nobody has checked.
pub(crate) fn origin_of(note: &[u8]) -> Option<String> {
    let note = SignedNote::parse(note).ok()?;
    Some(Checkpoint::parse(note.unverified_text()).ok()?.origin().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pin(origin: &str, logs: &[&str]) -> Pin {
        let line = |(seed, name): (usize, &&str)| {
            let seed = [u8::try_from(seed).unwrap() + 1; 32];
            let signer = ledger::note::NoteSigner::from_seed(ledger::note::KeyName::parse(name).unwrap(), seed);
            signer.map(|signer| format!("log {}\n", signer.verifier_key()))
        };
        let text: String = logs.iter().enumerate().map(|log| line(log).unwrap()).collect();
        let policy_text = format!("{text}quorum none\n");
        let policy = Policy::parse(policy_text.as_bytes()).unwrap();
        Pin { origin: origin.to_owned(), url: None, policy, policy_text, genesis: None, path: origin.into() }
    }

    #[test]
    fn a_pin_of_another_log_does_not_stand_in_for_a_logs_own() {
        let (own, evil) =
            (pin("log.victim.org", &["log.victim.org"]), pin("evil.example", &["evil.example", "log.victim.org"]));
        let other = pin("also.example", &["also.example", "log.victim.org"]);
        let found = |pins: &[Pin]| the_pin_of(pins, "log.victim.org").map(|pin| pin.map(|pin| pin.origin.clone()));
        assert_eq!(found(&[evil.clone(), own]).unwrap().as_deref(), Some("log.victim.org"));
        assert_eq!(
            found(std::slice::from_ref(&evil)).unwrap().as_deref(),
            Some("evil.example"),
            "given by the user with --policy"
        );
        assert_eq!(found(&[evil, other]).unwrap_err().code(), Code::NoPolicy, "nobody says which");
        assert_eq!(found(&[]).unwrap(), None);
    }
}
