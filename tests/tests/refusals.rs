//! Every refusal to start names one command that mends it: each is provoked in a real folder, the command is taken from
//! the hint as it stands between its backticks, exactly that command is run by a shell, and the log starts again.
//!
//! What only an operator knows, where the copies of the log are, is the variable `BACKUP` of that shell. Where nothing
//! can be mended by a command, it shows what there is to know, and that is asserted instead.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harness::faults::device::SmallDisk;
use harness::{Program, folder, needs, run, tool};
use ledger::note::{KeyName, NoteSigner};
use ledger::testing as cast;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_colophon-under-test");

/// A log in a folder with its config and keys, a copy of it, and the program with settings of its own.
struct Shop {
    dir: tempfile::TempDir,
    log: PathBuf,
    program: Program,
}

/// How `log serve` began.
enum Begun {
    Serves(Child),
    Refused(Value),
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Self::Serves(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Shop {
    /// A log of three entries, stopped, and a copy of it.
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        Self::at(dir, log)
    }

    fn at(dir: tempfile::TempDir, log: PathBuf) -> Self {
        // The commands of the hints call the program by its name.
        fs::create_dir(dir.path().join("bin")).unwrap();
        symlink(PROGRAM, dir.path().join("bin/colophon")).unwrap();
        let shop = Self { program: Program::new(PROGRAM, dir.path()), dir, log };
        folder::create(&shop.log);
        folder::grow(&shop.log, cast::model_card("lab", 1));
        shop.back_up();
        shop
    }

    fn backup(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    fn back_up(&self) {
        let _ = fs::remove_dir_all(self.backup());
        copy(&self.log, &self.backup());
    }

    /// Starts the server. It either says where it serves or ends with its refusal.
    fn begin(&self, command: &mut Command) -> Begun {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while out.read_line(&mut said).unwrap() > 0 {
            if serde_json::from_str::<Value>(&said).is_ok_and(|json| json["url"].is_string()) {
                return Begun::Serves(child);
            }
        }
        assert!(!child.wait().unwrap().success());
        Begun::Refused(serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
    }

    fn serve(&self, more: &[&str]) -> Begun {
        let log = self.log.display().to_string();
        let mut args = vec!["log", "serve", "--dir", &log, "--json"];
        if !more.contains(&"--listen") {
            args.extend(["--listen", "127.0.0.1:0"]);
        }
        args.extend(more);
        self.begin(&mut self.program.command(&args))
    }

    #[track_caller]
    fn starts(&self, what: &str) -> Begun {
        match self.serve(&[]) {
            Begun::Refused(ref refusal) => panic!("{what}: {refusal}"),
            served => served,
        }
    }

    /// The command that the refusal of this start names, and the code of it.
    #[track_caller]
    fn refusal(&self, what: &str, more: &[&str]) -> (String, String) {
        let begun = self.serve(more);
        let Begun::Refused(refusal) = &begun else { panic!("{what}: the log was served") };
        let hint = refusal["hint"].as_str().unwrap();
        let parts: Vec<&str> = hint.split('`').collect();
        assert_eq!(parts.len(), 3, "{what}: one command between backticks: {hint}");
        (refusal["code"].as_str().unwrap().to_owned(), parts[1].to_owned())
    }

    /// The shell that the operator pastes the command into.
    fn shell(&self, command: &str) -> Command {
        let mut shell = self.program.command(&[""]);
        let path = format!("{}:{}", self.dir.path().join("bin").display(), std::env::var("PATH").unwrap());
        let config = shell.get_envs().find(|(name, _)| *name == "COLOPHON_CONFIG").and_then(|(_, value)| value);
        let config = config.unwrap().to_owned();
        shell = Command::new("sh");
        shell.args(["-c", command]).env("COLOPHON_CONFIG", config).env("PATH", path).env("BACKUP", self.backup());
        shell
    }

    /// The command that `fsck` names for what it found.
    #[track_caller]
    fn fsck_hint(&self, what: &str) -> String {
        let outcome = self.program.run(&["log", "fsck", "--json", "--dir", self.log.to_str().unwrap()]);
        assert_eq!(outcome.exit, 1, "{what}: {outcome:?}");
        let hint = outcome.json()["hint"].as_str().unwrap().to_owned();
        let parts: Vec<&str> = hint.split('`').collect();
        assert_eq!(parts.len(), 3, "{what}: one command between backticks: {hint}");
        parts[1].to_owned()
    }

    fn fsck(&self) -> Value {
        self.program.json(&["log", "fsck", "--dir", self.log.to_str().unwrap()])
    }

    /// The policy that readers of this log pin, as a file.
    fn policy(&self) -> String {
        let path = self.dir.path().join("policy.txt");
        fs::write(&path, cast::policy().encode()).unwrap();
        path.display().to_string()
    }

    /// Refused with `code`; then the command of the hint, and nothing else, makes it start.
    #[track_caller]
    fn mended(&self, what: &str, code: &str) {
        let (found, command) = self.refusal(what, &[]);
        assert_eq!(found, code, "{what}: {command}");
        run(&mut self.shell(&command)).passed(&format!("{what}: {command}"));
        self.starts(&format!("{what}, after {command}"));
    }
}

fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-aT").args([from, to])).passed("cp");
}

/// What every file of a folder holds, whatever its name.
fn contents(folder: &Path) -> Vec<Vec<u8>> {
    fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap_or_default()).collect()
}

/// Flips a byte of the body of entry 1, which no start reads.
fn damage_entry_1(log: &Path) {
    let path = log.join("bodies/00000000.seg");
    let (mut bytes, body) = (fs::read(&path).unwrap(), cast::party("lab", &["partner"]));
    let at = bytes.windows(body.len()).position(|window| window == body).unwrap();
    bytes[at + body.len() / 2] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// What a server answers to a GET, head and body.
fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Flips the last byte of a file that is not zero: in the newest frame or body.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_given_to_the_command_is_mended_by_the_command_that_the_refusal_names() {
    let shop = Shop::open();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for more in
        [["--listen", &*address], ["--listen", "log.example.org"], ["--listen", "192.0.2.1:80"], ["--trace", "=="]]
    {
        let (code, command) = shop.refusal("an argument", &more);
        assert_eq!(code, "usage", "{more:?}");
        let begun = shop.begin(&mut shop.shell(&format!("exec {command} --json")));
        assert!(matches!(begun, Begun::Serves(_)), "{more:?}: {command}");
    }
    // A folder without a log.
    let mut none = Shop::open();
    none.log = none.dir.path().join("another");
    none.mended("no log", "store_missing");
    // Names are quoted where a shell would see more in them.
    none.log = none.dir.path().join("the owner's log");
    none.mended("no log under a strange name", "store_missing");
}

#[test]
fn a_config_that_was_broken_is_mended_from_the_one_that_was_served() {
    let shop = Shop::open();
    drop(shop.starts("for the first time"));
    let config = shop.log.join("config.toml");
    let sound = fs::read_to_string(&config).unwrap();
    let other = NoteSigner::from_seed(KeyName::parse(cast::ORIGIN).unwrap(), [9; 32]).unwrap();
    let policy = cast::log_signer().verifier_key().to_string();
    for (what, text, code) in [
        ("no TOML", "origin =".to_owned(), "usage"),
        ("an unknown member", format!("{sound}\nlisten-on = \"x\"\n"), "usage"),
        ("another origin", sound.replacen(cast::ORIGIN, "other.example", 1), "origin_mismatch"),
        ("another policy", sound.replace(&policy, &other.verifier_key().to_string()), "log_key_mismatch"),
        ("no policy", sound.replace("log ", "lug "), "usage"),
    ] {
        assert_ne!(text, sound, "{what}");
        fs::write(&config, text).unwrap();
        let found = shop.refusal(what, &[]).0;
        assert!(found == code || (code == "usage" && found == "policy_invalid"), "{what}: {found}");
        shop.mended(what, &found);
    }
    fs::remove_file(&config).unwrap();
    shop.mended("no config", "store_missing");
    // Without that copy it comes from the operator's.
    fs::remove_file(shop.log.join("config.toml.served")).unwrap();
    fs::write(&config, "origin = 1").unwrap();
    shop.mended("no copy beside it", "usage");
}

#[test]
fn keys_that_are_gone_damaged_open_to_others_or_not_this_logs_are_mended() {
    let shop = Shop::open();
    for name in ["log.key", "clock.key"] {
        let path = shop.log.join("keys").join(name);
        fs::remove_file(&path).unwrap();
        shop.mended("no key", "key_unreadable");
        folder::put_key(&shop.log, name, "PRIVATE+KEY+x");
        shop.mended("no key in the file", "key_unreadable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        shop.mended("a key for all to read", "key_unreadable");
    }
    let origin = KeyName::parse(cast::ORIGIN).unwrap();
    folder::put_key(&shop.log, "log.key", &NoteSigner::from_seed(origin, [9; 32]).unwrap().to_private_text());
    shop.mended("another log's key", "log_key_mismatch");
    let clock = KeyName::parse(&format!("{}/clock", cast::ORIGIN)).unwrap();
    folder::put_key(
        &shop.log,
        "clock.key",
        &ledger::note::Cosigner::from_seed(clock, [9; 32]).unwrap().to_private_text(),
    );
    shop.mended("another clock's key", "log_key_mismatch");
}

#[test]
fn f14_a_second_server_names_the_first_and_starts_when_that_is_stopped() {
    let shop = Shop::open();
    let mut first = shop.starts("the first");
    let (code, command) = shop.refusal("the second", &[]);
    assert_eq!(code, "store_locked");
    let Begun::Serves(child) = &mut first else { unreachable!() };
    assert_eq!(command, format!("kill {}", child.id()));
    run(&mut shop.shell(&command)).passed(&command);
    assert!(child.wait().unwrap().success(), "it ended in order");
    drop(shop.starts("after the first"));

    // Somebody who left no note about himself.
    let mut writer = Command::new(env!("CARGO_BIN_EXE_fault-writer"));
    writer.arg("run").arg(&shop.log).arg("--guard").arg(shop.log.join("guard")).args(["--writers", "1"]);
    let mut writer = writer.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // Held open: whoever writes into a pipe that nobody reads ends, and the lock with him.
    let mut says = BufReader::new(writer.stdout.take().unwrap());
    says.read_line(&mut line).unwrap();
    let (code, command) = shop.refusal("beside another program", &[]);
    assert_eq!((code.as_str(), command), ("store_locked", format!("kill {}", writer.id())));
    run(&mut shop.shell(&format!("kill {}", writer.id()))).passed("kill");
    writer.wait().unwrap();
    drop(shop.starts("after the other program"));
}

#[test]
fn f12_a_guard_or_data_that_is_gone_or_older_comes_back_from_the_newest_copy() {
    let shop = Shop::open();
    let (guard, older) = (shop.log.join("guard"), shop.dir.path().join("older"));
    copy(&shop.log, &older);
    for number in 2..6 {
        folder::grow(&shop.log, cast::model_card("lab", number));
    }
    shop.back_up();

    fs::remove_dir_all(&guard).unwrap();
    shop.mended("no guard", "guard_missing");
    fs::remove_file(guard.join("head")).unwrap();
    shop.mended("nothing in the guard's folder", "guard_missing");
    copy(&older.join("guard"), &guard);
    shop.mended("yesterday's guard", "guard_rolled_back");

    shop.back_up();
    for part in ["journal", "bodies"] {
        fs::remove_dir_all(shop.log.join(part)).unwrap();
        copy(&older.join(part), &shop.log.join(part));
    }
    shop.mended("yesterday's data", "store_behind_guard");
    shop.back_up();
    fs::remove_dir_all(shop.log.join("journal")).unwrap();
    shop.mended("no data", "store_missing");
}

#[test]
fn f08_damaged_files_come_back_from_a_copy_and_what_follows_from_them_by_itself() {
    let shop = Shop::open();
    for file in ["journal/00000000.log", "bodies/00000000.seg"] {
        damage(&shop.log.join(file));
        shop.mended(file, "store_corrupt");
        shop.back_up();
    }
    let guard = shop.log.join("guard/head");
    fs::write(&guard, vec![7; fs::metadata(&guard).unwrap().len() as usize]).unwrap();
    shop.mended("guard/head", "store_corrupt");
    // The index and its mark follow from the journal, and are no reason to refuse.
    for (file, bytes) in
        [("index.snapshot", &b"{}\n00"[..]), ("index/conf", b"segment_size: 7"), ("index/db", &[0xa5; 70_000])]
    {
        fs::write(shop.log.join(file), bytes).unwrap();
        drop(shop.starts(file));
    }
    run(&mut shop.program.command(&["log", "fsck", "--dir", shop.log.to_str().unwrap()])).passed("fsck");
}

#[test]
fn f08_a_copy_that_is_older_than_the_damage_destroys_nothing_that_came_since() {
    let shop = Shop::open();
    for number in 2..6 {
        folder::grow(&shop.log, cast::model_card("lab", number));
    }
    let newer = shop.dir.path().join("newer");
    copy(&shop.log, &newer);
    damage(&shop.log.join("bodies/00000000.seg"));
    let kept: Vec<(PathBuf, Vec<u8>)> = ["journal/00000000.log", "bodies/00000000.seg", "guard/head", "published"]
        .map(|file| (shop.log.join(file), fs::read(shop.log.join(file)).unwrap()))
        .into();
    // Whoever does as he is told, again and again, with a copy from before.
    for (nth, code) in ["store_corrupt", "store_behind_guard", "store_behind_guard"].into_iter().enumerate() {
        let (found, command) = shop.refusal("an older copy", &[]);
        assert_eq!(found, code, "{nth}: {command}");
        run(&mut shop.shell(&command)).passed(&command);
        for (path, bytes) in &kept {
            assert!(
                contents(path.parent().unwrap()).contains(bytes),
                "{nth}: {} is gone after {command}",
                path.display()
            );
        }
    }
    // And when the newest copy is found, it mends.
    fs::remove_dir_all(shop.backup()).unwrap();
    copy(&newer, &shop.backup());
    shop.mended("the newest copy", "store_behind_guard");
    assert_eq!(shop.fsck()["entries"], "7");
}

#[test]
fn what_fsck_finds_is_mended_by_the_command_that_it_names() {
    let shop = Shop::open();
    let sound = fs::read(shop.log.join("bodies/00000000.seg")).unwrap();
    damage_entry_1(&shop.log);
    let spoiled = fs::read(shop.log.join("bodies/00000000.seg")).unwrap();
    let command = shop.fsck_hint("a damaged body");
    run(&mut shop.shell(&command)).passed(&command);
    assert_eq!(fs::read(shop.log.join("bodies/00000000.seg")).unwrap(), sound);
    assert!(contents(&shop.log.join("bodies")).contains(&spoiled), "{command}");
    assert_eq!(shop.fsck()["clean"], true);

    // A copy of the guard that rotted, of which another is whole.
    let head = shop.log.join("guard/head");
    let mut bytes = fs::read(&head).unwrap();
    bytes[40] ^= 1;
    fs::write(&head, &bytes).unwrap();
    let command = shop.fsck_hint("a damaged copy of the guard");
    assert_eq!(fs::read(&head).unwrap(), bytes, "fsck mends nothing");
    run(&mut shop.shell(&command)).passed(&command);
    assert_eq!(shop.fsck()["clean"], true);

    // What others were given and is not what the log runs with.
    let other = NoteSigner::from_seed(KeyName::parse(cast::ORIGIN).unwrap(), [9; 32]).unwrap();
    for (file, wrong) in [
        ("log.vkey", format!("{}\n", other.verifier_key())),
        ("policy.txt", format!("log {}\nquorum none\n", other.verifier_key())),
        ("policy.txt", "100% nonsense".to_owned()),
    ] {
        fs::write(shop.log.join(file), &wrong).unwrap();
        let command = shop.fsck_hint(file);
        run(&mut shop.shell(&command)).passed(&command);
        assert_eq!(shop.fsck()["clean"], true, "{command}");
        assert!(contents(&shop.log).contains(&wrong.into_bytes()), "{command}");
        drop(shop.starts(file));
    }
    let vkey = fs::read_to_string(shop.log.join("log.vkey")).unwrap();
    assert_eq!(vkey.trim(), cast::log_signer().verifier_key().to_string());
    let policy = fs::read(shop.log.join("policy.txt")).unwrap();
    assert_eq!(ledger::note::Policy::parse(&policy).unwrap(), cast::policy());
}

#[test]
fn a_damaged_body_is_told_to_its_reader_by_health_and_by_a_gauge() {
    let shop = Shop::open();
    damage_entry_1(&shop.log);
    let served = shop.program.serve(&shop.log);
    assert!(get(&served.url, "/health").starts_with("HTTP/1.1 200"), "nobody read it yet");
    let read = ["record", "show", "1", "--json", "--log", &served.url, "--policy", &shop.policy()];
    let outcome = shop.program.run(&read);
    assert_eq!((outcome.exit, &outcome.json()["code"]), (1, &"store_corrupt".into()), "{outcome:?}");
    let health = get(&served.url, "/health");
    assert!(health.starts_with("HTTP/1.1 503") && health.contains(r#""store":{"code":"store_corrupt""#), "{health}");
    assert!(get(&served.url, "/metrics").contains("colophon_log_damaged 1"));
    // By a server of the moment it is the same, and no fault of the network.
    drop(served);
    let rollup = ["log", "rollup", "--json", "--dir", shop.log.to_str().unwrap()];
    assert_eq!(shop.program.run(&rollup).json()["code"], "store_corrupt");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_put_aside_with_all_that_is_in_it() {
    let shop = Shop::open();
    for file in [
        "ballast",
        "lock",
        "guard/lock",
        "index.snapshot",
        "guard/head",
        "published",
        "bodies/00000000.seg",
        "journal/00000000.log",
    ] {
        shop.back_up();
        let path = shop.log.join(file);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("something"), file).unwrap();
        shop.mended(file, "file_access");
        let aside = path.with_added_extension("aside");
        assert_eq!(fs::read_to_string(aside.join("something")).unwrap(), file);
        fs::remove_dir_all(aside).unwrap();
    }
}

#[test]
fn a_key_for_roots_that_is_damaged_or_gone_comes_back_from_a_copy() {
    let shop = Shop::open();
    let other = shop.dir.path().join("other");
    shop.program
        .run(&["log", "init", "--dir", other.to_str().unwrap(), "--origin", "other.example"])
        .passed("log init");
    let path = shop.log.join("keys/index.pem");
    run(Command::new("cp").arg("-p").arg(other.join("keys/index.pem")).arg(&path)).passed("cp");
    let mut config = fs::OpenOptions::new().append(true).open(shop.log.join("config.toml")).unwrap();
    config.write_all(b"index-key = \"keys/index.pem\"\n").unwrap();
    drop(shop.starts("with a key for roots"));
    shop.back_up();
    folder::put_key(&shop.log, "index.pem", "-----BEGIN PRIVATE KEY-----");
    shop.mended("a damaged key for roots", "key_unreadable");
    fs::remove_file(&path).unwrap();
    shop.mended("no key for roots", "key_unreadable");

    // One from elsewhere is in no copy of this log: the command shows what is wrong with it.
    let elsewhere = shop.dir.path().join("else where.pem");
    fs::write(&elsewhere, "no key").unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    let (code, command) = shop.refusal("another key", &["--index-key", elsewhere.to_str().unwrap()]);
    assert_eq!(
        (code.as_str(), command),
        ("key_unreadable", format!("openssl pkey -in '{}' -noout", elsewhere.display()))
    );
}

#[test]
fn doctor_sees_a_log_that_was_rolled_back() {
    let shop = Shop::open();
    let older = shop.dir.path().join("older");
    copy(&shop.log, &older);
    folder::grow(&shop.log, cast::model_card("lab", 2));
    let served = shop.program.serve(&shop.log);
    shop.program.run(&["log", "trust", &served.url, "--policy", &shop.policy()]).passed("log trust");
    shop.program.run(&["record", "list", "--follow", "--log", &served.url]).passed("record list");
    shop.program.run(&["doctor", "--log", &served.url]).passed("doctor");
    drop(served);
    let served = shop.program.serve(&older);
    let outcome = shop.program.run(&["doctor", "--json", "--log", &served.url]);
    let looks = outcome.json()["looks"].clone();
    let found = looks.as_array().unwrap().iter().find(|look| look["what"] == "log's address").unwrap();
    assert_eq!(found["code"], "rollback", "{looks}");
}

#[test]
fn fsck_reads_a_log_on_a_disk_that_is_mounted_read_only() {
    if !needs("root, to mount a small disk", is_root()) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::new(64, dir.path()).unwrap();
    let shop = Shop::at(dir, disk.path().join("log"));
    let remount = |how: &str| run(Command::new("mount").args(["-o", how]).arg(disk.path())).passed(how);
    remount("remount,ro");
    let found = shop.fsck();
    remount("remount,rw");
    assert_eq!(
        (&found["clean"], &found["entries"], &found["indexChecked"]),
        (&true.into(), &"3".into(), &false.into())
    );
    assert_eq!(shop.fsck()["indexChecked"], true);
}

/// The watchdog waits for a minute, and so does this test.
#[test]
fn f08_an_index_that_does_not_open_is_given_up_after_a_minute_and_filled_again() {
    let shop = Shop::open();
    let conf = shop.log.join("index/conf");
    fs::remove_file(&conf).unwrap();
    // Whoever opens a pipe that nobody writes to waits for ever.
    run(Command::new("mkfifo").arg(&conf)).passed("mkfifo");
    shop.mended("a hanging index", "index_hangs");
}

#[test]
fn f04_a_disk_without_any_room_is_shown_and_the_log_starts_when_there_is_some() {
    if !needs("root, to mount a small disk", is_root()) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::new(64, dir.path()).unwrap();
    let shop = Shop::at(dir, disk.path().join("log"));
    // Somebody took even what the ballast and the zeros behind the last batch held, and the index has to be written anew.
    run(&mut shop.program.command(&["log", "reindex", "--dir", shop.log.to_str().unwrap()])).passed("reindex");
    fs::write(shop.log.join("ballast"), b"").unwrap();
    fs::remove_dir_all(shop.log.join("index")).unwrap();
    let filler = disk.path().join("filler");
    let _ = run(Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", filler.display())).arg("bs=64k"));
    let (code, command) = shop.refusal("a full disk", &[]);
    assert_eq!(code, "disk_full");
    let shown = run(&mut shop.shell(&command)).passed(&command).stdout;
    assert!(shown.contains("100%") && shown.contains(&disk.path().display().to_string()), "{shown}");
    fs::remove_file(filler).unwrap();
    drop(shop.starts("after room was made"));
}

#[test]
fn files_of_another_user_are_given_to_the_one_that_runs_the_program() {
    if !needs("root, to become another user", is_root()) {
        return;
    }
    let Some(setpriv) = tool("setpriv") else { return };
    let shop = Shop::open();
    // The program where anybody may run it.
    fs::set_permissions(shop.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = shop.dir.path().join("colophon");
    fs::copy(PROGRAM, &program).unwrap();
    let nobody = || {
        let mut command = Command::new(&setpriv);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command.args(["log", "serve", "--listen", "127.0.0.1:0", "--json", "--dir"]).arg(&shop.log);
        command.env("COLOPHON_CONFIG", shop.dir.path().join("config.toml")).env("HOME", shop.dir.path());
        shop.begin(&mut command)
    };
    let begun = nobody();
    let Begun::Refused(refusal) = &begun else { panic!("somebody else's key was read") };
    let command = refusal["hint"].as_str().unwrap().split('`').nth(1).unwrap().to_owned();
    let log = shop.log.display();
    assert_eq!(command, format!("chown -R 65534 {log} && chmod -R u+rwX {log}"), "{refusal}");
    // The keys alone are not enough: the data must be theirs too.
    run(Command::new("chown").args(["-R", "65534"]).arg(shop.log.join("keys"))).passed("chown");
    let begun = nobody();
    let Begun::Refused(refusal) = &begun else { panic!("somebody else's log was served") };
    assert_eq!(refusal["hint"].as_str().unwrap().split('`').nth(1), Some(&*command), "{refusal}");
    run(&mut shop.shell(&command)).passed(&command);
    assert!(matches!(nobody(), Begun::Serves(_)));
    // Closed to their own owner: neither a damage nor somebody else's.
    for (file, mode) in
        [("guard/head", 0o444), ("published", 0), ("bodies/00000000.seg", 0), ("journal/00000000.log", 0o444)]
    {
        fs::set_permissions(shop.log.join(file), fs::Permissions::from_mode(mode)).unwrap();
        let begun = nobody();
        let Begun::Refused(refusal) = &begun else { panic!("{file} was read") };
        assert_eq!(refusal["code"], "file_access", "{file}: {refusal}");
        assert_eq!(refusal["hint"].as_str().unwrap().split('`').nth(1), Some(&*command), "{file}: {refusal}");
        run(&mut shop.shell(&command)).passed(&command);
        assert!(matches!(nobody(), Begun::Serves(_)), "{file}");
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
