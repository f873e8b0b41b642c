//! Why a log does not start, and the one command that mends it.
//!
//! Every hint made here holds exactly one command, between backticks, to be pasted into a shell. What only the operator
//! knows, where the copies of this log are, is the shell's variable `BACKUP`: a folder that looks like the log's own. Where
//! nothing can be mended, the command shows what there is to know.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ledger::{Code, Error};

use crate::failure::CliError;
use crate::logdir::LogDir;

/// A refusal to open a log, with the command that mends it.
pub(crate) fn mended(dir: &LogDir, error: Error) -> CliError {
    let log = shell(dir.path());
    let guard = dir.guard_dir();
    let place = error.place().unwrap_or_default().to_owned();
    let code = error.code();
    let hint = match code {
        Code::StoreLocked => locked(dir, Path::new(&place)),
        Code::StoreMissing | Code::StoreBehindGuard => format!(
            "Mount the disk of this log, or bring its newest data back: `cp -a \"$BACKUP/journal\" \"$BACKUP/bodies\" {log}/`"
        ),
        Code::GuardMissing | Code::GuardRolledBack => format!(
            "Bring the newest guard back, and never make a new one: `cp -aT \"$BACKUP/guard\" {}`",
            shell(&guard)
        ),
        Code::StoreCorrupt => damaged(dir, &place),
        Code::IndexHangs => format!("Fill the index again from the journal: `colophon log reindex --dir {log}`"),
        Code::OriginMismatch | Code::WrongLog => config(dir.path()),
        Code::LogKeyMismatch => match place.as_str() {
            "log key" => key(&dir.log_key()),
            "clock key" => key(&dir.clock_key()),
            _ => config(dir.path()),
        },
        Code::DiskFull => format!("Free space; this shows how much there is: `df -h {log}`"),
        Code::FileAccess => owner(dir.path()),
        _ => return CliError::from(error),
    };
    CliError::from(error).hint(hint)
}

/// The config cannot be read, or is not the one that this log was served with.
pub(crate) fn config(log: &Path) -> String {
    let config = LogDir::config_file(log);
    let served = LogDir::served_config(log);
    let same = || std::fs::read(&served).ok() == std::fs::read(&config).ok();
    let copy = if served.is_file() && !same() { shell(&served) } else { "\"$BACKUP/config.toml\"".to_owned() };
    format!("Bring back the config that this log was served with: `cp {copy} {}`", shell(&config))
}

/// A key of the log is gone, or is another one.
pub(crate) fn key(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("It cannot be made again; bring it back: `cp -p \"$BACKUP/keys/{name}\" {}`", shell(path))
}

/// Files of the log belong to somebody else.
pub(crate) fn owner(path: &Path) -> String {
    // The user of this process is the owner of its own entry in /proc.
    let user = std::fs::metadata("/proc/self").map_or(0, |me| me.uid());
    format!("As root, give the files to the user of this program: `chown -R {user} {}`", shell(path))
}

/// A word of a command: as it is, or quoted where a shell would see more in it.
pub(crate) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+@:,=-".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn locked(dir: &LogDir, lock: &Path) -> String {
    if let Some((pid, url)) = dir.served_at() {
        return format!("Process {pid} serves it at {url}; stop it: `kill {pid}`");
    }
    match holder(lock) {
        Some(pid) => format!("Process {pid} has it open; stop it: `kill {pid}`"),
        None => format!("See who has it open, and stop that: `fuser -v {}`", shell(lock)),
    }
}

/// Who holds a lock, as Linux says it: `1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> 0 EOF`.
fn holder(lock: &Path) -> Option<u32> {
    let file = std::fs::metadata(lock).ok()?;
    let (dev, ino) = (file.dev(), file.ino());
    let (major, minor) = ((dev >> 8) & 0xfff | (dev >> 32) & !0xfff, dev & 0xff | (dev >> 12) & !0xff);
    let wanted = format!("{major:02x}:{minor:02x}:{ino}");
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let line =
        locks.lines().find(|line| line.contains("FLOCK") && line.split_whitespace().any(|word| word == wanted))?;
    line.split_whitespace().nth(4)?.parse().ok()
}

/// `<file, relative to the log's folder> at byte <offset>`: a file that is not derived comes back from a copy only.
fn damaged(dir: &LogDir, place: &str) -> String {
    let (file, _) = place.split_once(" at byte ").unwrap_or_default();
    let target = match file.strip_prefix("guard/") {
        Some(name) => dir.guard_dir().join(name),
        None => dir.path().join(file),
    };
    let kept = ["journal/", "bodies/", "guard/"].iter().any(|folder| file.starts_with(folder)) || file == "published";
    if kept {
        return format!("Bring the damaged file back from a copy: `cp \"$BACKUP/{file}\" {}`", shell(&target));
    }
    format!("See everything that is damaged: `colophon log fsck --dir {}`", shell(dir.path()))
}

/// What to listen on where the system did not let this program.
pub(crate) fn another_port(log: &Path, ip: std::net::IpAddr) -> String {
    let at: std::net::SocketAddr = (ip, 0).into();
    format!("Let the system choose a port: `colophon log serve --dir {} --listen {at}`", shell(log))
}

/// The hint for a folder without a config.
pub(crate) fn create(log: &Path) -> String {
    format!("Create one with `colophon log init --dir {}`.", shell(log))
}

/// The hint for a key that others may read.
pub(crate) fn protect(path: &Path) -> String {
    format!("Let nobody else read it: `chmod 600 {}`", shell(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command_whatever_is_in_it() {
        assert_eq!(shell(Path::new("/srv/log-1.d")), "/srv/log-1.d");
        assert_eq!(shell(Path::new("/srv/my log")), "'/srv/my log'");
        assert_eq!(shell(Path::new("/srv/it's")), r"'/srv/it'\''s'");
        assert_eq!(shell(Path::new("")), "''");
    }

    #[test]
    fn who_holds_a_lock_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = std::fs::File::create(&path).unwrap();
        assert_eq!(holder(&path), None);
        file.try_lock().unwrap();
        assert_eq!(holder(&path), Some(std::process::id()));
    }
}
