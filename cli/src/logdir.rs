//! A log's folder as its operator sees it: what is beside the data.
//!
//! ```text
//! LOG/config.toml         origin, policy, paths of the keys: read at every start
//! LOG/config.toml.served  what it said when the log was last served, for whoever breaks it
//! LOG/keys/log.key        signs checkpoints       C2SP text form PRIVATE+KEY+…, mode 0600
//! LOG/keys/clock.key      the log's own cosigner  the same
//! LOG/keys/operator.pem   registers parties       PKCS#8; needed rarely, better kept elsewhere
//! LOG/keys/index.pem      signs index-roots       PKCS#8 without password; can do nothing else
//! LOG/log.vkey            what to give to others: the log's verifier key
//! LOG/policy.txt          and the policy with its witnesses (tlog-policy)
//! LOG/serving.json        while a server runs: its process and address
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::log;
use ledger::merkle::LeafHash;
use ledger::note::{Cosigner, KeyName, NoteSigner, Origin, Policy, VerifierKey};
use ledger::record::key::PrivateKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::keys::{from_pem, random, write_new};
use crate::refusal;

/// The file that makes a folder a log's.
const CONFIG: &str = "config.toml";
/// Where a running server says where it is.
const SERVING: &str = "serving.json";
/// The config that the log was last served with.
const SERVED: &str = "config.toml.served";
/// The log's verifier key, for others.
const VKEY: &str = "log.vkey";
/// The log's policy, for others.
const POLICY: &str = "policy.txt";
/// A config file is under 4 KiB, with a policy of some dozens of witnesses under 64.
const MAX_CONFIG: usize = 1024 * 1024;

/// What `LOG/config.toml` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LogConfig {
    /// The log's name: the first line of its checkpoints, for ever.
    pub origin: String,
    /// The leaf hash of entry 0, in hexadecimal.
    pub genesis: Option<String>,
    /// The address to listen on, if the command does not say another.
    #[serde(default)]
    pub listen: Option<String>,
    /// The address under which the world sees the log.
    #[serde(default)]
    pub public_url: Option<String>,
    /// The commit guard's folder, if it is on another disk. Relative to the log's folder.
    #[serde(default)]
    pub guard: Option<PathBuf>,
    /// The key that signs checkpoints. Relative to the log's folder.
    pub log_key: PathBuf,
    /// The log's own cosigner. Relative to the log's folder.
    pub clock_key: PathBuf,
    /// The operator's key that signs `index-root` records while the log is served. Relative to the log's folder.
    #[serde(default)]
    pub index_key: Option<PathBuf>,
    /// What a checkpoint must meet before anybody sees it (C2SP tlog-policy).
    pub policy: String,
}

/// A log's folder.
#[derive(Debug, Clone)]
pub(crate) struct LogDir {
    path: PathBuf,
    config: LogConfig,
    origin: Origin,
    policy: Policy,
}

/// A file for others that says something else than what the log runs with: whoever pins it believes another log, or none.
#[derive(Debug, Clone)]
pub(crate) struct HandedOut {
    /// Its name in the log's folder.
    pub name: &'static str,
    path: PathBuf,
    right: String,
}

impl HandedOut {
    /// What is wrong with it.
    pub(crate) fn what(&self) -> String {
        let runs = if self.name == VKEY { "the key" } else { "the policy in config.toml" };
        format!("it does not say {runs} that the log runs with; whoever pins it is misled")
    }

    /// The command that mends it.
    pub(crate) fn hint(&self) -> String {
        let escaped = self.right.replace('\\', r"\\").replace('%', "%%").replace('\n', r"\n").replace('\'', r"'\''");
        let path = refusal::shell(&self.path);
        format!("Write what the log runs with: `printf '{escaped}' | cp --backup=numbered /dev/stdin {path}`")
    }
}

/// The keys of a log that is being made.
#[derive(Debug)]
pub(crate) struct NewKeys {
    /// Signs checkpoints.
    pub log: NoteSigner,
    /// Cosigns them with the time.
    pub clock: Cosigner,
}

impl NewKeys {
    /// New keys for a log of this name.
    pub(crate) fn generate(origin: &Origin) -> Result<Self> {
        let name = origin.to_key_name().map_err(|error| CliError::usage(error.to_string()))?;
        let clock = KeyName::parse(&format!("{origin}/clock")).map_err(|error| CliError::usage(error.to_string()))?;
        let bad = |error: ledger::note::KeyError| CliError::new(Code::Internal, error.to_string());
        Ok(Self {
            log: NoteSigner::from_seed(name, seed()?).map_err(bad)?,
            clock: Cosigner::from_seed(clock, seed()?).map_err(bad)?,
        })
    }

    /// The policy of a log whose only witness is its own clock.
    pub(crate) fn policy(&self) -> String {
        let (log, clock) = (self.log.verifier_key(), self.clock.verifier_key());
        format!("log {log}\nwitness clock {clock}\nquorum clock\n")
    }
}

impl LogDir {
    /// Reads the folder of an existing log.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = path.join(CONFIG);
        if !file.is_file() {
            return Err(missing(path));
        }
        // What `demo` leaves is a folder above the log's, and has settings of its own.
        let within = path.join("log");
        if within.join(CONFIG).is_file() && !path.join("journal").exists() {
            return Err(CliError::new(Code::StoreMissing, format!("there is no log in {}", path.display()))
                .hint(format!("There is one in {}: pass --dir {}.", within.display(), within.display())));
        }
        let place = file.display();
        Self::read(path, &file).at(&place).map_err(|error| error.hint(refusal::config(path)))
    }

    fn read(path: &Path, file: &Path) -> Result<Self> {
        let text =
            String::from_utf8(files::read(file, MAX_CONFIG)?).map_err(|_| CliError::usage("the file is not UTF-8"))?;
        let config: LogConfig = toml::from_str(&text).map_err(|error| CliError::usage(error.message().to_owned()))?;
        Self::with(path, config)
    }

    /// Where the config of a log's folder stands.
    pub(crate) fn config_file(path: &Path) -> PathBuf {
        path.join(CONFIG)
    }

    /// Where the config stands that the log was last served with.
    pub(crate) fn served_config(path: &Path) -> PathBuf {
        path.join(SERVED)
    }

    /// Keeps a copy of a config with which the log starts, beside it. It is help for later: a folder or a disk that does
    /// not take it is no reason not to serve.
    pub(crate) fn keep_config(&self) {
        let (config, served) = (Self::config_file(&self.path), Self::served_config(&self.path));
        let text = fs::read(&config).ok().filter(|text| fs::read(&served).ok().as_ref() != Some(text));
        let _ = text.map(|text| files::write(&served, &text));
    }

    fn with(path: &Path, config: LogConfig) -> Result<Self> {
        let origin = Origin::parse(&config.origin).map_err(|error| CliError::usage(error.to_string()))?;
        let policy = Policy::parse(config.policy.as_bytes())?;
        Ok(Self { path: path.to_owned(), origin, policy, config })
    }

    /// Writes keys, policy and config of a new log. The config comes last: a folder without it is no log.
    pub(crate) fn create(path: &Path, origin: &Origin, keys: &NewKeys, public_url: Option<String>) -> Result<Self> {
        if path.join(CONFIG).exists() {
            let found = "there is a log in this folder already";
            return Err(CliError::new(Code::StoreExists, found)
                .at(path.display().to_string())
                .hint(format!("Serve it with `colophon log serve --dir {}`.", path.display())));
        }
        let config = LogConfig {
            origin: origin.to_string(),
            genesis: None,
            listen: None,
            public_url,
            guard: None,
            log_key: PathBuf::from("keys/log.key"),
            clock_key: PathBuf::from("keys/clock.key"),
            index_key: Some(PathBuf::from("keys/index.pem")),
            policy: keys.policy(),
        };
        let dir = Self::with(path, config)?;
        files::make_dir(&dir.keys_dir())?;
        let restricted = fs::Permissions::from_mode(0o700);
        fs::set_permissions(dir.keys_dir(), restricted)
            .map_err(|source| CliError::io(&dir.keys_dir(), "protect", source))?;
        write_new(&path.join(&dir.config.log_key), 0o600, line(&keys.log.to_private_text()).as_bytes())?;
        write_new(&path.join(&dir.config.clock_key), 0o600, line(&keys.clock.to_private_text()).as_bytes())?;
        files::write(&path.join(VKEY), format!("{}\n", keys.log.verifier_key()).as_bytes())?;
        files::write(&path.join(POLICY), dir.config.policy.as_bytes())?;
        Ok(dir)
    }

    /// Writes the config with the leaf hash of entry 0: from now on this folder is a log's.
    pub(crate) fn finish(&mut self, genesis: LeafHash) -> Result<()> {
        self.config.genesis = Some(ledger::ids::to_hex(genesis.as_bytes()));
        let text = toml::to_string(&self.config).map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        files::write(&self.path.join(CONFIG), text.as_bytes())?;
        self.keep_config();
        Ok(())
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the config file says.
    pub(crate) const fn config(&self) -> &LogConfig {
        &self.config
    }

    /// The log's name.
    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What a checkpoint of this log must meet.
    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The leaf hash of entry 0.
    pub(crate) fn genesis(&self) -> Result<Option<LeafHash>> {
        self.config.genesis.as_deref().map(crate::pins::leaf_hash).transpose()
    }

    /// The folder of the log's keys.
    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// What is given to others and does not say what the log runs with, if it is there.
    pub(crate) fn handed_out(&self, key: &VerifierKey) -> Vec<HandedOut> {
        let read = |name: &str| fs::read(self.path.join(name)).ok();
        let mut wrong = Vec::new();
        if read(VKEY).is_some_and(|text| text.trim_ascii() != key.to_string().as_bytes()) {
            wrong.push(HandedOut { name: VKEY, path: self.path.join(VKEY), right: format!("{key}\n") });
        }
        if read(POLICY).is_some_and(|text| Policy::parse(&text).ok().as_ref() != Some(&self.policy)) {
            let right = self.config.policy.clone();
            wrong.push(HandedOut { name: POLICY, path: self.path.join(POLICY), right });
        }
        wrong
    }

    /// The folder of the manifests that the log holds.
    pub(crate) fn manifests_dir(&self) -> PathBuf {
        self.path.join("manifests")
    }

    /// What the log needs to run. Reads the keys.
    pub(crate) fn options(&self) -> Result<log::Options> {
        let (log_path, clock_path) = (self.log_key(), self.clock_key());
        let bad = |path: &Path, error: ledger::note::KeyError| {
            CliError::new(Code::KeyUnreadable, error.to_string())
                .at(path.display().to_string())
                .hint(refusal::key(path))
        };
        let signers = log::Signers {
            log: NoteSigner::from_private_text(self.key_text(&log_path)?.trim())
                .map_err(|error| bad(&log_path, error))?,
            clock: Cosigner::from_private_text(self.key_text(&clock_path)?.trim())
                .map_err(|error| bad(&clock_path, error))?,
        };
        Ok(log::Options {
            dir: self.path.clone(),
            guard_dir: self.config.guard.is_some().then(|| self.guard_dir()),
            origin: self.origin.clone(),
            signers,
            policy: self.policy.clone(),
        })
    }

    /// The key that signs `index-root` records while the log is served: the file of the command, else that of the config.
    pub(crate) fn index_key(&self, given: Option<&Path>) -> Result<Option<PrivateKey>> {
        let own = self.config.index_key.as_ref().map(|path| self.path.join(path));
        let Some(path) = given.map(Path::to_owned).or_else(|| own.clone()) else { return Ok(None) };
        let own_stands = |path: &Path| own.as_deref() == Some(path);
        let asked = || {
            Err(CliError::new(Code::KeyUnreadable, "the key has a password, and the server has nobody to ask for it")
                .hint("Use a key for roots without one; it can sign nothing else."))
        };
        // Another file than the log's own is in none of its copies.
        let hint = if own_stands(&path) {
            refusal::key(&path)
        } else {
            format!("See whether it opens: `openssl pkey -in {} -noout`", refusal::shell(&path))
        };
        from_pem(&self.key_text(&path)?, asked).map_err(|error| error.hint(hint)).at(path.display()).map(Some)
    }

    /// The file of the key that signs checkpoints.
    pub(crate) fn log_key(&self) -> PathBuf {
        self.path.join(&self.config.log_key)
    }

    /// The file of the key that cosigns them.
    pub(crate) fn clock_key(&self) -> PathBuf {
        self.path.join(&self.config.clock_key)
    }

    /// The folder of the commit guard.
    pub(crate) fn guard_dir(&self) -> PathBuf {
        self.path.join(self.config.guard.as_deref().unwrap_or(Path::new("guard")))
    }

    fn key_text(&self, path: &Path) -> Result<Zeroizing<String>> {
        let missing = |source: std::io::Error| {
            let hint = match source.kind() {
                std::io::ErrorKind::PermissionDenied => refusal::owner(&self.path),
                _ => refusal::key(path),
            };
            CliError::new(Code::KeyUnreadable, format!("the log's key cannot be read: {source}"))
                .at(path.display().to_string())
                .hint(hint)
        };
        let metadata = fs::metadata(path).map_err(missing)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(CliError::new(Code::KeyUnreadable, "others on this machine may read this key of the log")
                .at(path.display().to_string())
                .hint(refusal::protect(path)));
        }
        let text = fs::read_to_string(path).map_err(missing)?;
        Ok(Zeroizing::new(text))
    }

    /// Says where this log is served from now on.
    pub(crate) fn serving(&self, address: &str) -> Result<Serving> {
        let file = self.path.join(SERVING);
        let document = serde_json::json!({ "pid": std::process::id(), "url": address });
        files::write(&file, format!("{document}\n").as_bytes())?;
        Ok(Serving { file })
    }

    /// The process and address of a server that said it serves this log. It may have been killed since.
    pub(crate) fn served_at(&self) -> Option<(u32, String)> {
        let bytes = files::read(&self.path.join(SERVING), MAX_CONFIG).ok()?;
        let document: Value = serde_json::from_slice(&bytes).ok()?;
        let pid = document.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok())?;
        // A server that was killed leaves its note behind.
        let processes = Path::new("/proc/self").parent().filter(|proc| proc.join("self").exists());
        if processes.is_some_and(|proc| !proc.join(pid.to_string()).exists()) {
            return None;
        }
        Some((pid, document.get("url")?.as_str()?.to_owned()))
    }
}

/// Held while a server runs; takes the note about it away again.
#[derive(Debug)]
pub(crate) struct Serving {
    file: PathBuf,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // What stays is only a note that is checked before it is believed.
        let _ = files::remove(&self.file);
    }
}

/// There is no log in a folder.
pub(crate) fn missing(path: &Path) -> CliError {
    let found = CliError::new(Code::StoreMissing, format!("there is no log in {}", path.display()));
    // Without its config a folder is no log, but one that was served once is no place for another.
    let was = LogDir::served_config(path).exists() || path.join("journal").exists();
    found.hint(if was { refusal::config(path) } else { refusal::create(path) })
}

fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    random(&mut seed)?;
    Ok(seed)
}

fn line(text: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_folder_comes_back_as_it_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let origin = Origin::parse("log.example/x").unwrap();
        let keys = NewKeys::generate(&origin).unwrap();
        let mut made = LogDir::create(dir.path(), &origin, &keys, None).unwrap();
        assert_eq!(LogDir::open(dir.path()).unwrap_err().code(), Code::StoreMissing);
        made.finish(LeafHash::from_bytes([7; 32])).unwrap();
        let opened = LogDir::open(dir.path()).unwrap();
        assert_eq!(opened.genesis().unwrap(), Some(LeafHash::from_bytes([7; 32])));
        let options = opened.options().unwrap();
        assert_eq!(options.signers.log.verifier_key(), keys.log.verifier_key());
        assert_eq!(options.policy, Policy::parse(keys.policy().as_bytes()).unwrap());
        assert_eq!(LogDir::create(dir.path(), &origin, &keys, None).unwrap_err().code(), Code::StoreExists);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_command_that_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let mut made = LogDir::create(dir.path(), &origin, &NewKeys::generate(&origin).unwrap(), None).unwrap();
        made.finish(LeafHash::from_bytes([7; 32])).unwrap();
        let key = dir.path().join("keys/clock.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let error = LogDir::open(dir.path()).unwrap().options().err().unwrap();
        assert!(error.first_hint().ends_with(&format!("`chmod 600 {}`", key.display())), "{error}");
    }

    #[test]
    fn what_a_server_says_about_itself_goes_away_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let made = LogDir::create(dir.path(), &origin, &NewKeys::generate(&origin).unwrap(), None).unwrap();
        let serving = made.serving("http://127.0.0.1:1").unwrap();
        assert_eq!(made.served_at().unwrap().1, "http://127.0.0.1:1");
        drop(serving);
        assert!(made.served_at().is_none());
    }
}
