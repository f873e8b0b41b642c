//! The settings: flags over environment over file, and for each where it came from.
//!
//! The file is TOML at `--config`, `$COLOPHON_CONFIG`, `$XDG_CONFIG_HOME/colophon/config.toml` or
//! `~/.config/colophon/config.toml`, and need not exist:
//!
//! ```toml
//! log = "https://log.example.org"   # where records go and are asked for
//! key = "lab"                       # the key that signs, by name or path
//! issuer = "lab.example"            # the party that speaks
//! issuer-name = "Example Lab"
//! keys = "/srv/keys"                # folder of keys
//! state = "/srv/state"              # newest checkpoints seen, evidence
//! cache = "/srv/cache"              # followed logs; may be deleted at any time
//! timeout = 30                      # seconds for one request
//! ```
//!
//! Naming a file moves all of it: keys, pins, state and cache then stand beside that file, so that one variable
//! separates a test or a second identity from the first. Pins are files of their own beside it ([`crate::pins`]):
//! what people write and what the program writes never share a file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ledger::Code;
use serde::Deserialize;

use crate::failure::{CliError, Result};

/// Seconds for one request, without a setting: a submission waits for witnesses, a tile for nothing.
const DEFAULT_TIMEOUT: u64 = 30;

/// A day; a longer time-out is a mistake in the unit.
const MAX_TIMEOUT: u64 = 24 * 3600;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// The config file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// What the file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    log: Option<String>,
    key: Option<String>,
    issuer: Option<String>,
    issuer_name: Option<String>,
    keys: Option<PathBuf>,
    state: Option<PathBuf>,
    cache: Option<PathBuf>,
    timeout: Option<u64>,
}

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Config {
    /// The config file, whether it exists or not.
    pub path: Setting<PathBuf>,
    /// The log's address.
    pub log: Option<Setting<String>>,
    /// The key that signs.
    pub key: Option<Setting<String>>,
    /// The party that speaks.
    pub issuer: Option<Setting<String>>,
    /// Its name for people.
    pub issuer_name: Option<Setting<String>>,
    /// The folder of keys.
    pub keys: Setting<PathBuf>,
    /// The folder of what is remembered.
    pub state: Setting<PathBuf>,
    /// The folder of what may be deleted.
    pub cache: Setting<PathBuf>,
    /// For one request.
    pub timeout: Setting<Duration>,
    env: BTreeMap<String, String>,
}

impl Config {
    /// Reads the file and the environment. `flag` is `--config`.
    pub(crate) fn load(env: BTreeMap<String, String>, flag: Option<&Path>) -> Result<Self> {
        let places = Places::find(&env, flag)?;
        let file = read(&places.config)?;
        let from_file = Source::File(places.config.value.clone());
        let text = |name: &'static str, file: Option<String>| match variable(&env, name) {
            Some(value) => Some(Setting { value: value.to_owned(), source: Source::Environment(name) }),
            None => file.map(|value| Setting { value, source: from_file.clone() }),
        };
        let folder = |name: &'static str, file: Option<PathBuf>, default: PathBuf| match (variable(&env, name), file) {
            (Some(value), _) => Setting { value: PathBuf::from(value), source: Source::Environment(name) },
            (None, Some(value)) => Setting { value, source: from_file.clone() },
            (None, None) => Setting { value: default, source: Source::Default },
        };
        let timeout = match (variable(&env, "COLOPHON_TIMEOUT"), file.timeout) {
            (Some(value), _) => {
                let source = Source::Environment("COLOPHON_TIMEOUT");
                let seconds = value.parse().map_err(|_| bad_timeout(&source))?;
                Setting { value: seconds, source }
            }
            (None, Some(value)) => Setting { value, source: from_file.clone() },
            (None, None) => Setting { value: DEFAULT_TIMEOUT, source: Source::Default },
        };
        if timeout.value == 0 || timeout.value > MAX_TIMEOUT {
            return Err(bad_timeout(&timeout.source));
        }
        Ok(Self {
            log: text("COLOPHON_LOG", file.log),
            key: text("COLOPHON_KEY", file.key),
            issuer: text("COLOPHON_ISSUER", file.issuer),
            issuer_name: text("COLOPHON_ISSUER_NAME", file.issuer_name),
            keys: folder("COLOPHON_KEYS", file.keys, places.keys),
            state: folder("COLOPHON_STATE", file.state, places.state),
            cache: folder("COLOPHON_CACHE", file.cache, places.cache),
            timeout: Setting { value: Duration::from_secs(timeout.value), source: timeout.source },
            path: places.config,
            env,
        })
    }

    /// An environment variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        variable(&self.env, name)
    }

    /// The environment, for a run inside of this one.
    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// The folder of pins, beside the config file.
    pub(crate) fn pins_dir(&self) -> PathBuf {
        self.path.value.parent().unwrap_or(Path::new(".")).join("pins")
    }

    /// The log's address: the flag, else the setting.
    pub(crate) fn log_or(&self, flag: Option<&str>) -> Option<Setting<String>> {
        over(flag, "--log", &self.log)
    }

    /// The party that speaks: the flag, else the setting.
    pub(crate) fn issuer_or(&self, flag: Option<&str>) -> Option<Setting<String>> {
        over(flag, "--issuer", &self.issuer)
    }

    /// Every setting as `(name, value, source)`, for `config show`.
    pub(crate) fn rows(&self) -> Vec<(&'static str, Option<String>, Source)> {
        fn text(name: &'static str, of: &Option<Setting<String>>) -> (&'static str, Option<String>, Source) {
            match of {
                Some(setting) => (name, Some(setting.value.clone()), setting.source.clone()),
                None => (name, None, Source::Default),
            }
        }
        fn folder(name: &'static str, of: &Setting<PathBuf>) -> (&'static str, Option<String>, Source) {
            (name, Some(of.value.display().to_string()), of.source.clone())
        }
        vec![
            folder("config", &self.path),
            text("log", &self.log),
            text("key", &self.key),
            text("issuer", &self.issuer),
            text("issuer-name", &self.issuer_name),
            folder("keys", &self.keys),
            folder("state", &self.state),
            folder("cache", &self.cache),
            ("timeout", Some(self.timeout.value.as_secs().to_string()), self.timeout.source.clone()),
        ]
    }
}

fn over(flag: Option<&str>, name: &'static str, setting: &Option<Setting<String>>) -> Option<Setting<String>> {
    flag.map(|value| Setting { value: value.to_owned(), source: Source::Flag(name) }).or_else(|| setting.clone())
}

/// Where everything stands before anybody says otherwise.
struct Places {
    config: Setting<PathBuf>,
    keys: PathBuf,
    state: PathBuf,
    cache: PathBuf,
}

impl Places {
    fn find(env: &BTreeMap<String, String>, flag: Option<&Path>) -> Result<Self> {
        let named = match (flag, variable(env, "COLOPHON_CONFIG")) {
            (Some(path), _) => Some(Setting { value: path.to_owned(), source: Source::Flag("--config") }),
            (None, Some(path)) => {
                Some(Setting { value: PathBuf::from(path), source: Source::Environment("COLOPHON_CONFIG") })
            }
            (None, None) => None,
        };
        if let Some(config) = named {
            let base = config.value.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Self { keys: base.join("keys"), state: base.join("state"), cache: base.join("cache"), config });
        }
        let home = variable(env, "HOME").map(PathBuf::from);
        let base = |name: &'static str, below_home: &str| {
            // The XDG specification: a relative path in these variables is to be ignored.
            match variable(env, name).map(PathBuf::from).filter(|path| path.is_absolute()) {
                Some(path) => Ok(path.join("colophon")),
                None => home.as_ref().map(|home| home.join(below_home).join("colophon")).ok_or_else(no_home),
            }
        };
        let config = base("XDG_CONFIG_HOME", ".config")?;
        Ok(Self {
            keys: config.join("keys"),
            state: base("XDG_STATE_HOME", ".local/state")?,
            cache: base("XDG_CACHE_HOME", ".cache")?,
            config: Setting { value: config.join("config.toml"), source: Source::Default },
        })
    }
}

fn read(path: &Setting<PathBuf>) -> Result<File> {
    let text = match std::fs::read_to_string(&path.value) {
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(source) => return Err(CliError::io(&path.value, "read the config file", source)),
    };
    toml::from_str(&text).map_err(|error| {
        CliError::usage(error.message().to_owned())
            .at(place(&text, error.span().map_or(0, |span| span.start)))
            .at(path.value.display().to_string())
            .hint("Mend the line named; the settings are log, key, issuer, issuer-name, keys, state, cache, timeout.")
    })
}

fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("line {line} column {column}")
}

fn variable<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn bad_timeout(source: &Source) -> CliError {
    CliError::new(Code::Usage, format!("a time-out is 1 to {MAX_TIMEOUT} seconds"))
        .at(source.to_string())
        .hint("Give whole seconds, such as 30.")
}

fn no_home() -> CliError {
    CliError::usage("neither HOME nor COLOPHON_CONFIG is set, so there is no place for settings and keys")
        .hint("Set COLOPHON_CONFIG to the path of a config file; it need not exist.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn flags_come_before_environment_before_file_before_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "log = \"https://file\"\nissuer = \"file.example\"\ntimeout = 7\n").unwrap();
        let config = Config::load(env(&[("COLOPHON_LOG", "https://env")]), Some(&path)).unwrap();
        assert_eq!(config.log_or(Some("https://flag")).unwrap().source, Source::Flag("--log"));
        assert_eq!(config.log_or(None).unwrap().value, "https://env");
        assert_eq!(config.log_or(None).unwrap().source, Source::Environment("COLOPHON_LOG"));
        assert_eq!(config.issuer.as_ref().unwrap().source, Source::File(path));
        assert_eq!(config.timeout.value, Duration::from_secs(7));
        assert_eq!(config.keys, Setting { value: dir.path().join("keys"), source: Source::Default });
        assert!(config.key.is_none());
    }

    #[test]
    fn without_a_named_file_the_xdg_folders_are_used() {
        let vars = env(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/var/s"), ("XDG_CACHE_HOME", "relative")]);
        let config = Config::load(vars, None).unwrap();
        assert_eq!(config.path.value, Path::new("/home/a/.config/colophon/config.toml"));
        assert_eq!(config.pins_dir(), Path::new("/home/a/.config/colophon/pins"));
        assert_eq!(config.state.value, Path::new("/var/s/colophon"));
        assert_eq!(config.cache.value, Path::new("/home/a/.cache/colophon"));
    }

    #[test]
    fn an_unknown_setting_is_refused_with_line_and_column() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "log = \"x\"\nlogg = 1\n").unwrap();
        let error = Config::load(env(&[]), Some(&path)).unwrap_err();
        assert!(error.to_string().contains("line 2 column 1"), "{error}");
        assert_eq!(error.exit(), 2);
    }

    #[test]
    fn nowhere_to_look_is_said_with_its_remedy() {
        let error = Config::load(env(&[]), None).unwrap_err();
        assert!(error.first_hint().contains("COLOPHON_CONFIG"));
    }
}
