//! Why a log does not start, and the one command that mends it.
//!
//! Every hint made here holds exactly one command, between backticks, to be pasted into a shell. What only the operator
//! knows, where the copies of this log are, is the shell's variable `BACKUP`: a folder that looks like the log's own. Where
//! nothing can be mended, the command shows what there is to know.
//!
//! No command destroys the file in whose place it puts another one: a copy may be older than what it replaces, and the only
//! other copy of what came since may be the damaged file. What was there stays beside it as `NAME.~1~`, which the log passes
//! over.

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
            "Mount the disk of this log, or bring its newest data back: `{KEEP} -a \"$BACKUP/journal\" \"$BACKUP/bodies\" {log}/`. {AFTERWARDS}"
        ),
        Code::GuardMissing | Code::GuardRolledBack => format!(
            "Bring the newest guard back, and never make a new one: `{KEEP} -aT \"$BACKUP/guard\" {}`",
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
        Code::FileAccess => in_the_way(dir, Path::new(&place)).unwrap_or_else(|| access(dir)),
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
    format!("Bring back the config that this log was served with: `{KEEP} {copy} {}`", shell(&config))
}

/// A key of the log is gone, or is another one.
pub(crate) fn key(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("It cannot be made again; bring it back: `{KEEP} -p \"$BACKUP/keys/{name}\" {}`", shell(path))
}

/// Files of the log belong to somebody else, or are closed to their owner.
pub(crate) fn owner(path: &Path) -> String {
    open_to_us(&shell(path))
}

fn open_to_us(paths: &str) -> String {
    // The user of this process is the owner of its own entry in /proc.
    let user = std::fs::metadata("/proc/self").map_or(0, |me| me.uid());
    format!("As root, give the files to the user of this program: `chown -R {user} {paths} && chmod -R u+rwX {paths}`")
}

/// The same of all folders of a log.
fn access(dir: &LogDir) -> String {
    let guard = dir.guard_dir();
    if guard.starts_with(dir.path()) {
        return owner(dir.path());
    }
    open_to_us(&format!("{} {}", shell(dir.path()), shell(&guard)))
}

/// A folder stands where a file of the log belongs: it is put aside, and what is not made again by the start comes from a
/// copy.
fn in_the_way(dir: &LogDir, path: &Path) -> Option<String> {
    let file = match path.strip_prefix(dir.guard_dir()) {
        Ok(name) => Path::new("guard").join(name),
        Err(_) => path.strip_prefix(dir.path()).unwrap_or(path).to_owned(),
    };
    let file = file.display().to_string();
    let target = found_at(dir, &file);
    let made_again = ["ballast", "lock", "guard/lock", "index.snapshot"].contains(&file.as_str());
    if !target.is_dir() || !(made_again || is_kept(&file)) {
        return None;
    }
    let (here, aside) = (shell(&target), shell(&target.with_added_extension("aside")));
    let put_aside = format!("mv --backup=numbered -T {here} {aside}");
    Some(if made_again {
        format!("A folder stands where a file belongs; put it aside: `{put_aside}`")
    } else {
        format!("A folder stands where a file belongs; put it aside: `{put_aside} && cp -p \"$BACKUP/{file}\" {here}`")
    })
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
    let (file, _) = place.split_once(" at byte ").unwrap_or((place, ""));
    if is_kept(file) {
        return format!("Bring the damaged file back from the newest copy: `{}`. {AFTERWARDS}", bring_back(dir, file));
    }
    format!("See everything that is damaged: `colophon log fsck --dir {}`", shell(dir.path()))
}

/// The command that puts a copy of a file, or of all files of a folder, in its place and keeps what is there.
pub(crate) fn bring_back(dir: &LogDir, file: &str) -> String {
    let target = if file == "guard" { dir.guard_dir() } else { found_at(dir, file) };
    let folder = ["guard", "journal", "bodies"].contains(&file) || target.is_dir();
    let all = if folder { " -aT" } else { "" };
    format!("{KEEP}{all} \"$BACKUP/{file}\" {}", shell(&target))
}

/// A copy that leaves what it replaces beside it, as `NAME.~1~`.
const KEEP: &str = "cp --backup=numbered";

/// What is lost by a copy that is older, and what is not.
const AFTERWARDS: &str = "What is replaced stays beside it as NAME.~1~. A copy that is older than the guard is refused as \
                          store_behind_guard: then find a newer one, and put NAME.~1~ back meanwhile; what came after the \
                          copy is lost only as far as it is damaged there";

/// Whether a file follows from nothing else.
pub(crate) fn is_kept(file: &str) -> bool {
    ["journal/", "bodies/", "guard/", "manifests/"].iter().any(|folder| file.starts_with(folder)) || file == "published"
}

/// Where a file is, named relative to the log's folder.
fn found_at(dir: &LogDir, file: &str) -> std::path::PathBuf {
    match file.strip_prefix("guard/") {
        Some(name) => dir.guard_dir().join(name),
        None => dir.path().join(file),
    }
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
