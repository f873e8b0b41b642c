//! `colophon record publish`

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::bundle::{Bundle, MAX_BUNDLE_LEN};
use ledger::ids::KeyId;
use ledger::record::dsse::Envelope;
use ledger::record::key::PrivateKey;
use ledger::record::{Record, body_digest};
use serde_json::json;

use super::new::DraftArgs;
use super::sign::{MAX_BODY, open_keys, sign};
use super::submit::{line, remarks};
use crate::api::Accepted;
use crate::artifact::BUNDLE_ENDING;
use crate::client::Client;
use crate::cmd::verify;
use crate::draft::{Defaults, Draft};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::logdir::LogDir;
use crate::output::Answer;
use crate::passwords::PasswordArgs;
use crate::saying::agreed;
use crate::session::Session;
use crate::source::{LogArgs, client, reach};
use crate::trust::TrustArgs;

/// Make, sign and send a record, and write its bundle beside the model
///
/// For a pipeline: safe to run again. The signed envelope is kept in a file beside the bundle before it is sent, so a run
/// that was killed is taken up with the same bytes and gets the same index; a run after success changes nothing. The bundle
/// is verified against the pinned policy before it is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon record publish model-card --from card.yaml --subject model/ --issuer example-lab --key lab --log https://log.example.org"
)]
pub(crate) struct Args {
    #[command(flatten)]
    draft: DraftArgs,
    /// A key by its name or the path of its PEM file; may be repeated [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Where to write the bundle; without it beside the subject, as NAME.colophon.json
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let bundle = match &args.out {
        Some(path) => path.clone(),
        None => default_out(&args.draft),
    };
    let publication = Publication {
        defaults: args.draft.defaults(session)?,
        keys: &args.keys,
        password: &args.password,
        bundle,
        log: &args.log,
        trust: &args.trust,
        added: &[],
        // Whoever filled in a form sees the bytes before they are public.
        ask: args.draft.from.is_none(),
    };
    publish(args.draft.read(session)?, publication, session).at(args.draft.place())
}

/// What follows the bundle's name while its envelope has no receipt.
const PENDING_ENDING: &str = ".pending";

/// How a draft is published.
pub(crate) struct Publication<'a> {
    /// What is added to the draft.
    pub(crate) defaults: Defaults,
    /// The keys that sign.
    pub(crate) keys: &'a [String],
    /// Where their passwords come from.
    pub(crate) password: &'a PasswordArgs,
    /// Where the bundle goes.
    pub(crate) bundle: PathBuf,
    /// The log.
    pub(crate) log: &'a LogArgs,
    /// Whom to believe about it.
    pub(crate) trust: &'a TrustArgs,
    /// Members that depend on the time of the run, beside those of [`Defaults`].
    pub(crate) added: &'a [&'a str],
    /// Whether the user is shown the bytes that become public, and asked.
    pub(crate) ask: bool,
}

/// Signs and sends a draft, and writes the bundle. The same draft gets the same index, however often this is run.
pub(crate) fn publish(draft: Draft, how: Publication<'_>, session: &Session) -> Result<Answer> {
    // Asked before anything is sent.
    files::may_replace(&how.bundle, "a bundle", |old| Bundle::parse(old).is_ok())?;
    let keys = open_keys(how.keys, how.password, session)?;
    let pending = files::beside(&how.bundle, PENDING_ENDING);
    // What an earlier run was killed over.
    [&how.bundle, &pending].into_iter().for_each(|path| files::remove_unfinished(path));
    let (body, record) = match taken_up(&draft, how.added, &keys, &pending, &how.bundle) {
        Some(found) => {
            if how.ask {
                agreed(&found.1.envelope.payload, session)?;
            }
            found
        }
        None => {
            // What is shown is what is sent: completed once, with the nonce that it has from then on.
            let payload = draft.complete(&how.defaults)?;
            if how.ask {
                agreed(&payload.bytes, session)?;
            }
            let signed = sign(&payload.bytes, &keys)?;
            keep_aside(&pending, session)?;
            // From here on there is one set of bytes, whatever happens: kept first, then sent.
            files::write(&pending, &signed.0)?;
            signed
        }
    };
    let (client, trust, _running) = reach_and_trust(how.log, how.trust, session)?;
    let accepted = send(&client, &body, session)?;
    remarks(&accepted, session);
    let (bundle, verified) = receive(&client, &accepted, &record, &trust, session)?;
    files::write(&how.bundle, &bundle)?;
    files::remove(&pending)?;
    let verdict = if verified { "verified" } else { "not verified: no log is pinned" };
    let text = format!("{}\nbundle  {} ({verdict})", line(&accepted), how.bundle.display());
    let mut json = accepted.to_json();
    json["bundle"] = files::to_json(&how.bundle);
    json["verified"] = json!(verified);
    Ok(Answer::new(text, json))
}

/// The log's server, and whom to believe about it; of a folder, the folder.
fn reach_and_trust(
    log: &LogArgs,
    trust: &TrustArgs,
    session: &Session,
) -> Result<(Client, TrustArgs, Option<crate::serving::Running>)> {
    let Some(dir) = &log.dir else {
        return Ok((client(log, session)?, trust.clone(), None));
    };
    let folder = LogDir::open(dir)?;
    let (client, running) = reach(&folder, session)?;
    let trust = TrustArgs {
        policy: Some(trust.policy.clone().unwrap_or_else(|| dir.join("policy.txt"))),
        genesis: trust.genesis.clone().or_else(|| folder.config().genesis.clone()),
    };
    Ok((client, trust, running))
}

/// Beside what the record is about, if that is a file or folder here; else beside the document.
fn default_out(draft: &DraftArgs) -> PathBuf {
    let subject = draft.subjects.iter().map(PathBuf::from).find(|path| path.exists());
    match subject {
        // The components leave out a slash at the end: `model/` has its bundle beside it, not inside.
        Some(path) => files::beside(&path.components().collect::<PathBuf>(), BUNDLE_ENDING),
        None => match &draft.from {
            Some(from) => from.with_extension("colophon.json"),
            None => PathBuf::from(format!("{}.colophon.json", draft.kind.as_deref().unwrap_or("record"))),
        },
    }
}

/// Whatever else waits under this name goes to a name of its own: it was signed, and may not have been sent.
fn keep_aside(pending: &Path, session: &Session) -> Result<()> {
    let Ok(waiting) = files::read(pending, MAX_BODY) else { return Ok(()) };
    let kept = files::beside(pending, &format!(".{}", &body_digest(&waiting).to_hex()[..12]));
    files::write(&kept, &waiting)?;
    session.out.warn(&format!(
        "{} says something else and may never have been sent. It is kept: `colophon record submit {}` sends it.",
        pending.display(),
        kept.display()
    ));
    Ok(())
}

/// The key of an earlier run that said something by a key made for it, if it was cut off or has its bundle already.
pub(crate) fn earlier_signer(bundle: &Path) -> Option<KeyId> {
    let pending = files::read(&files::beside(bundle, PENDING_ENDING), MAX_BODY).ok();
    let body =
        pending.or_else(|| Some(Bundle::parse(&files::read(bundle, MAX_BUNDLE_LEN).ok()?).ok()?.record.envelope))?;
    Record::parse(&body).ok()?.signers().into_iter().next()
}

/// The envelope of an earlier run, if it says the same and is signed by the same keys.
fn taken_up(
    draft: &Draft,
    added: &[&str],
    keys: &[PrivateKey],
    pending: &Path,
    bundle: &Path,
) -> Option<(Vec<u8>, Record)> {
    let of_pending = || files::read(pending, MAX_BODY).ok();
    let of_bundle = || {
        let bytes = files::read(bundle, MAX_BUNDLE_LEN).ok()?;
        Some(Bundle::parse(&bytes).ok()?.record.envelope)
    };
    [of_pending(), of_bundle()].into_iter().flatten().find_map(|body| {
        let record = Record::parse(&body).ok()?;
        let envelope = Envelope::parse(&body).ok()?;
        let signers: std::collections::BTreeSet<_> = keys.iter().map(PrivateKey::key_id).collect();
        let ours = |id: &_| keys.iter().find(|key| key.key_id() == *id).map(|key| key.public_key().clone());
        let same =
            signers == record.signers() && envelope.verify(&ours).is_ok() && draft.is_said_by(&envelope.payload, added);
        same.then_some((body, record))
    })
}

/// Sends a record and waits for its receipt.
pub(crate) fn send(client: &Client, body: &[u8], session: &Session) -> Result<Accepted> {
    let accepted = client.submit(body)?;
    client.wait_until_published(accepted, session.config.timeout.value)
}

/// Fetches the bundle of a record that was just sent and verifies it. Without a pin it is only held against what was sent.
pub(crate) fn receive(
    client: &Client,
    accepted: &Accepted,
    record: &Record,
    trust: &TrustArgs,
    session: &Session,
) -> Result<(Vec<u8>, bool)> {
    let bytes = client.bundle(&accepted.index.to_string())?;
    let bundle = Bundle::parse(&bytes).at(client.base())?;
    if Record::parse(&bundle.record.envelope).map(|found| found.id) != Ok(record.id) {
        return Err(CliError::new(Code::BindingMismatch, "the log's bundle is of another record").at(client.base()));
    }
    let checked = match verify::check(&bytes, trust, &[], session) {
        Err(error) if error.code() == Code::NoPolicy => {
            session.out.warn(&format!("the bundle is not verified: {}. {}", "no log is pinned", error.first_hint()));
            return Ok((bytes, false));
        }
        checked => checked?,
    };
    match checked.report.failed() {
        None => Ok((bytes, true)),
        Some(failed) => {
            let code = failed.code.unwrap_or(Code::Internal);
            Err(CliError::new(code, failed.detail.clone()).at(failed.link.as_str()).at(client.base()))
        }
    }
}
