//! A log of the cast of [`ledger::testing`] in a folder, with the config and the keys that `colophon log serve` wants.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use ledger::log::{self, Log, Options, Signers, SystemClock, Wait};
use ledger::testing as cast;

/// Makes the log: entry 0 is its policy, entry 1 the lab.
///
/// # Panics
/// If it cannot be made.
pub fn create(log: &Path) {
    std::fs::create_dir_all(log.join("keys")).unwrap();
    let config = format!(
        "origin = {:?}\nlog-key = \"keys/log.key\"\nclock-key = \"keys/clock.key\"\npolicy = {:?}\n",
        cast::ORIGIN,
        String::from_utf8(cast::policy().encode()).unwrap()
    );
    std::fs::write(log.join("config.toml"), config).unwrap();
    put_key(log, "log.key", &cast::log_signer().to_private_text());
    put_key(log, "clock.key", &cast::clock_signer().to_private_text());
    log::create(options(log), Arc::new(SystemClock::default()), cast::genesis().into()).unwrap();
    grow(log, cast::party("lab", &["partner"]));
}

/// What the log is opened with.
pub fn options(log: &Path) -> Options {
    Options {
        dir: log.to_owned(),
        guard_dir: None,
        origin: cast::origin(),
        signers: Signers { log: cast::log_signer(), clock: cast::clock_signer() },
        policy: cast::policy(),
    }
}

/// Writes a key as its owner alone may read it.
///
/// # Panics
/// If it cannot be written.
pub fn put_key(log: &Path, name: &str, text: &str) {
    let path = log.join("keys").join(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Opens the log, puts a record into it, and closes it.
///
/// # Panics
/// If it is refused.
pub fn grow(log: &Path, body: Vec<u8>) {
    let log: Log = log::open(options(log), Arc::new(SystemClock::default())).unwrap();
    log.submit(log.validate(body.into()).unwrap(), Wait::Published).unwrap().wait_blocking().unwrap();
    log.close().unwrap();
}
