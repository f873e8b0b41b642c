//! Pins: the logs that the user decided to believe, and under which conditions.
//!
//! One file for each log, in `pins/` beside the config file:
//!
//! ```toml
//! origin = "log.example.org"
//! url = "https://log.example.org"
//! genesis = "<64 hex>"            # leaf hash of entry 0
//! policy = """
//! log log.example.org+<8 hex>+<base64>
//! witness clock log.example.org/clock+<8 hex>+<base64>
//! quorum clock
//! """
//! ```
//!
//! A pin is only ever written because somebody asked for it (`colophon log trust`), never because a server said so.

use std::fs;
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::{from_hex, to_hex};
use ledger::merkle::LeafHash;
use ledger::note::Policy;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::failure::{At, CliError, Result};
use crate::files;

/// A pinned policy names at most some dozens of keys.
const MAX_PIN_FILE: usize = 1024 * 1024;

/// What the user believes about one log.
#[derive(Debug, Clone)]
pub(crate) struct Pin {
    /// The log's name: the first line of its checkpoints.
    pub origin: String,
    /// Where it was found last.
    pub url: Option<String>,
    /// The policy that its checkpoints must meet.
    pub policy: Policy,
    /// The policy as it was given.
    pub policy_text: String,
    /// The leaf hash of entry 0, in hexadecimal.
    pub genesis: Option<String>,
    /// The file.
    pub path: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinFile {
    origin: String,
    url: Option<String>,
    genesis: Option<String>,
    policy: String,
}

impl Pin {
    /// The leaf hash of entry 0.
    pub(crate) fn genesis_hash(&self) -> Result<Option<LeafHash>> {
        self.genesis.as_deref().map(leaf_hash).transpose()
    }

    /// Whether the policy lists a log of this name.
    pub(crate) fn lists(&self, origin: &str) -> bool {
        self.policy.logs().iter().any(|log| log.key().name().as_str() == origin)
    }
}

/// Reads the leaf hash of an entry in hexadecimal.
pub(crate) fn leaf_hash(hex: &str) -> Result<LeafHash> {
    Ok(LeafHash::from_bytes(from_hex(hex)?))
}

/// The folder of pins.
#[derive(Debug, Clone)]
pub(crate) struct Pins {
    dir: PathBuf,
}

impl Pins {
    /// The folder beside the config file.
    pub(crate) fn of(config: &Config) -> Self {
        Self { dir: config.pins_dir() }
    }

    /// Every pin, by file name. One that cannot be read is an error: to leave it out in silence would be to distrust a
    /// log, or to trust another, without anybody having asked for it.
    pub(crate) fn list(&self) -> Result<Vec<Pin>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(CliError::io(&self.dir, "list the pins", source)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| CliError::io(&self.dir, "list the pins", source))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// Writes a pin; one of the same log is replaced. Entry 0 of a log with the same key stays pinned where nothing is said of it.
    pub(crate) fn save(&self, policy_text: &str, url: Option<&str>, genesis: Option<&str>) -> Result<Pin> {
        let policy = Policy::parse(policy_text.as_bytes())?;
        let Some(log) = policy.logs().first() else {
            return Err(CliError::new(Code::PolicyInvalid, "the policy lists no log"));
        };
        let origin = log.key().name().to_string();
        if let Some(hex) = genesis {
            leaf_hash(hex)?;
        }
        let path = self.dir.join(file_name(&origin));
        let same = |pin: &Pin| pin.policy.logs().iter().any(|known| known.key() == log.key());
        let kept = read(&path).ok().filter(same).and_then(|pin| pin.genesis);
        let genesis = genesis.map(str::to_owned).or(kept);
        let file =
            PinFile { origin: origin.clone(), url: url.map(str::to_owned), genesis, policy: policy_text.to_owned() };
        let text = toml::to_string(&file).map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        files::make_dir(&self.dir)?;
        files::write(&path, text.as_bytes())?;
        Ok(Pin { origin, url: file.url, policy, policy_text: policy_text.to_owned(), genesis: file.genesis, path })
    }
}

fn read(path: &Path) -> Result<Pin> {
    let place = path.display();
    let bytes = files::read(path, MAX_PIN_FILE)?;
    let mend = || format!("Pin the log again with `colophon log trust`, or remove {place}.");
    let invalid = |found: String| CliError::new(Code::PolicyInvalid, found).at(place.to_string()).hint(mend());
    let text = String::from_utf8(bytes).map_err(|_| invalid("the pin is not UTF-8".to_owned()))?;
    let file: PinFile = toml::from_str(&text).map_err(|error| invalid(error.message().to_owned()))?;
    let policy = Policy::parse(file.policy.as_bytes()).at(path.display())?;
    if let Some(hex) = &file.genesis {
        leaf_hash(hex).at(path.display())?;
    }
    Ok(Pin {
        origin: file.origin,
        url: file.url,
        policy,
        policy_text: file.policy,
        genesis: file.genesis,
        path: path.to_owned(),
    })
}

/// A file name that people recognise and that differs for names that differ.
fn file_name(origin: &str) -> String {
    let readable: String = origin
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' })
        .take(80)
        .collect();
    let digest = to_hex(&Sha256::digest(origin.as_bytes()));
    format!("{}-{}.toml", readable.trim_start_matches('.'), &digest[..8])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use ledger::note::{KeyName, NoteSigner};

    fn policy(origin: &str) -> String {
        let signer = NoteSigner::from_seed(KeyName::parse(origin).unwrap(), [1; 32]).unwrap();
        format!("log {}\nquorum none\n", signer.verifier_key())
    }

    fn find(pins: &Pins, origin: &str) -> Option<Pin> {
        pins.list().unwrap().into_iter().find(|pin| pin.lists(origin))
    }

    #[test]
    fn a_pin_is_found_by_the_name_of_its_log_and_replaced_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins { dir: dir.path().join("pins") };
        assert!(pins.list().unwrap().is_empty());
        pins.save(&policy("a.example/log"), None, None).unwrap();
        pins.save(&policy("b.example"), Some("https://b.example"), Some(&"ab".repeat(32))).unwrap();
        pins.save(&policy("a.example/log"), Some("https://a.example"), None).unwrap();
        assert_eq!(pins.list().unwrap().len(), 2);
        assert_eq!(find(&pins, "a.example/log").unwrap().url.as_deref(), Some("https://a.example"));
        assert!(find(&pins, "b.example").unwrap().genesis_hash().unwrap().is_some());
        assert!(find(&pins, "c.example").is_none());
    }

    #[test]
    fn a_damaged_pin_stops_everything_that_needs_pins() {
        let dir = tempfile::tempdir().unwrap();
        let pins = Pins { dir: dir.path().to_owned() };
        fs::write(dir.path().join("x.toml"), "origin = 3\n").unwrap();
        let error = pins.list().unwrap_err();
        assert_eq!(error.code(), Code::PolicyInvalid);
        assert!(error.first_hint().contains("log trust"));
    }

    #[test]
    fn names_of_files_cannot_leave_the_folder() {
        for origin in ["../../etc", "a/b", ".hidden", &"x".repeat(255)] {
            let name = file_name(origin);
            assert!(!name.contains('/') && !name.starts_with('.') && name.len() < 100, "{name}");
        }
        assert_ne!(file_name("a/b"), file_name("a_b"));
    }
}
