//! `colophon manifest push`

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::{KeyspaceId, UnixMillis};
use ledger::log::plan_upload;
use ledger::manifest::list;
use ledger::manifest::upload::{Part, Plan};
use ledger::record::key::PrivateKey;
use ledger::record::terms::Timestamp;
use serde_json::{Value, json};

use crate::client::Client;
use crate::cmd::record::sign::open_keys;
use crate::failure::{At, CliError, Result};
use crate::follow::fetch_checkpoint;
use crate::output::{Answer, Output};
use crate::passwords::PasswordArgs;
use crate::progress::{Progress, Unit};
use crate::session::Session;
use crate::source::{LogArgs, client, reach};
use crate::trust::origin_of;

/// How long a signed plan may begin an upload; it may be resumed with a new one at any time.
const PLAN_HOLDS: u64 = UnixMillis::DAY;

/// How often the log is asked whether it has checked a keyspace: ten minutes are enough for half a billion keys.
const CHECKS: usize = 300;

/// How long to wait between two such questions.
const CHECK_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Send a manifest's files to a log
///
/// After its record is in the log. The issuer's key signs a plan that names every part by its digest; parts that the log has
/// already are not sent again, so an upload that was cut off is taken up by running the command again. The log recomputes
/// the whole keyspace before it serves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon manifest push manifest/ --key lab --log https://log.example.org")]
pub(crate) struct Args {
    /// The folder that `colophon manifest build` wrote
    manifest: PathBuf,
    /// A key of the party that issued the manifest record [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let folders = list(&args.manifest).at(args.manifest.display())?;
    if folders.is_empty() {
        return Err(CliError::new(Code::ManifestInvalid, "there is no keyspace in this folder")
            .at(args.manifest.display().to_string()));
    }
    let keys = open_keys(&args.keys, &args.password, session)?;
    let [key] = keys.as_slice() else { return Err(CliError::usage("one key signs an upload")) };
    let (client, _running) = match &args.log.dir {
        Some(dir) => reach(&crate::logdir::LogDir::open(dir)?, session)?,
        None => (client(&args.log, session)?, None),
    };
    // The plan names the log that it is for. Which log answers here is no matter of trust: a plan can only place files
    // that its signer declared.
    let origin = origin_of(&fetch_checkpoint(&client)?)
        .ok_or_else(|| CliError::new(Code::NoteInvalid, "the log serves no checkpoint").at(client.base()))?;
    let expires = Timestamp::from_millis(UnixMillis(session.now().0 + PLAN_HOLDS))
        .ok_or_else(|| CliError::new(Code::ClockRefused, "the clock shows no time that can be written"))?;
    let mut text = String::new();
    let mut items: Vec<Value> = Vec::new();
    for folder in folders {
        let plan = plan_upload(&folder, &origin, expires.as_str().to_owned())?;
        let sent = push(&client, &folder, &plan, key, session.out)?;
        let word = if sent == 0 { "held already".to_owned() } else { format!("{sent} parts sent") };
        text.push_str(&format!("{}  {word}\n", plan.keyspace));
        items.push(json!({ "keyspace": plan.keyspace, "parts": plan.parts.len(), "sent": sent, "held": true }));
    }
    Ok(Answer::new(text, json!({ "origin": origin, "keyspaces": items })))
}

/// Sends what the log lacks of a keyspace; returns how many parts that were.
fn push(client: &Client, folder: &Path, plan: &Plan, key: &PrivateKey, out: &Output) -> Result<usize> {
    let envelope = plan.sign(key)?.to_json();
    let begun = client.post("/api/v1/manifests:begin", "application/json", &envelope)?.json()?;
    if begun.get("held").and_then(Value::as_bool) == Some(true) {
        return Ok(0);
    }
    let numbers = begun.get("missing").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
    let missing: Vec<usize> = numbers.filter_map(|number| usize::try_from(number).ok()).collect();
    let parts: Vec<(usize, &Part)> = missing.iter().filter_map(|n| Some((*n, plan.parts.get(*n)?))).collect();
    let total = parts.iter().map(|(_, part)| part.len).sum();
    let progress = out.progress("sending", Some(total), Unit::Bytes);
    for (number, part) in &parts {
        let bytes = read(folder, part)?;
        let address = format!("/api/v1/manifests/{}/parts/{number}", plan.keyspace);
        client.put(&address, "application/octet-stream", &bytes)?;
        progress.advance(part.len);
    }
    complete(client, plan.keyspace, &progress)?;
    Ok(parts.len())
}

/// Waits until the log has recomputed the keyspace.
fn complete(client: &Client, id: KeyspaceId, _: &Progress<'_>) -> Result<()> {
    for _ in 0..CHECKS {
        let answer = client.post(&format!("/api/v1/manifests/{id}:complete"), "application/json", b"")?.json()?;
        if answer.get("held").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        std::thread::sleep(CHECK_EVERY);
    }
    Err(CliError::new(Code::Unreachable, format!("the log still checks keyspace {id}"))
        .hint("Run the command again later; what was sent is not sent again."))
}

fn read(folder: &Path, part: &Part) -> Result<Vec<u8>> {
    let path = folder.join(&part.file);
    let length = usize::try_from(part.len).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let mut read = || -> std::io::Result<()> {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(part.offset))?;
        file.read_exact(&mut bytes)
    };
    read().map_err(|source| CliError::io(&path, "read", source))?;
    Ok(bytes)
}
