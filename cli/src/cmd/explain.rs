//! `colophon explain`

use ledger::Code;
use ledger::error::Kind;
use ledger::record::lint;
use serde_json::{Value, json};

use crate::failure::{CliError, Result};
use crate::output::{Answer, json_list};
use crate::session::Session;

/// Tell what a code means and what to do about it; without one, list them all
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon explain proof_invalid")]
pub(crate) struct Args {
    /// A code as failures, the server and the pages show it
    code: Option<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let Some(text) = &args.code else {
        let rows = Code::ALL.iter().map(|code| {
            [
                code.as_str().to_owned(),
                code.exit_code().to_string(),
                code.http_status().to_string(),
                code.title().to_owned(),
            ]
        });
        let table = session.out.table(["CODE", "EXIT", "HTTP", "MEANS"], rows);
        return Ok(Answer::new(table, json_list("codes", Code::ALL.iter().map(to_json).collect())));
    };
    if let Some(rule) = lint::ALL.iter().find(|rule| rule.code == text) {
        let level = format!("{:?}", rule.level).to_lowercase();
        let page = format!(
            "{} (lint, {level})\n\nWhat to do: {}\n\nLint never keeps a record out of a log.",
            rule.code, rule.hint
        );
        return Ok(Answer::new(page, json!({ "code": rule.code, "level": rule.level, "hint": rule.hint })));
    }
    let Some(code) = Code::from_text(text) else {
        return Err(CliError::new(Code::NotFound, format!("there is no code {text:?}"))
            .hint("`colophon explain` without a code lists them all."));
    };
    let mut page = format!("{code} (exit {}, HTTP {})\n\n{}\n", code.exit_code(), code.http_status(), code.title());
    page.push_str(&format!("{}\n", at_fault(code.kind())));
    for paragraph in more(code) {
        page.push_str(&format!("\n{}\n", wrapped(paragraph)));
    }
    page.push_str(&format!("\nWhat to do: {}\n", code.hint()));
    Ok(Answer::new(page, to_json(&code)))
}

fn to_json(code: &Code) -> Value {
    json!({
        "code": code.as_str(),
        "exit": code.exit_code(),
        "http": code.http_status(),
        "message": code.title(),
        "hint": code.hint(),
        "about": more(*code).join("\n\n"),
    })
}

/// A paragraph in lines of at most 90 characters.
fn wrapped(paragraph: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in paragraph.split_whitespace() {
        let width = word.chars().count();
        if length > 0 && length + 1 + width > 90 {
            out.push('\n');
            length = 0;
        } else if length > 0 {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += width;
    }
    out
}

const fn at_fault(kind: Kind) -> &'static str {
    match kind {
        Kind::Malformed => "The input is not of the form it should be; nothing was stored.",
        Kind::Rejected => "The input is well-formed, and a rule or the log's policy refuses it.",
        Kind::Unverified => {
            "A signature, a proof or a binding does not hold. Nothing that depends on it may be believed."
        }
        Kind::NotFound => "There is nothing under that name.",
        Kind::Corrupt => "The log's own store is damaged; it refuses to go on rather than to be wrong.",
        Kind::Unavailable => "It could not be done now. That says nothing about whether a record is genuine.",
        Kind::Superseded => "Another writer was faster; this one stopped so that the log cannot fork.",
    }
}

/// What a sentence is too short for.
fn more(code: Code) -> Vec<&'static str> {
    match code {
        Code::SignatureInvalid => vec![
            "A signature covers the exact bytes of a statement and the type of them (DSSE). One changed byte, a re-indented \
             file or an editor that converts line ends is enough to break it.",
            "Nothing that such a record says is shown, because anybody could have written it.",
        ],
        Code::SignerUnknown | Code::IssuerMismatch => vec![
            "A log takes records only from registered parties, and a record must be signed by a key of the party that it \
             names as issuer. The operator of the log registers a party with its keys; the party signs that record too, \
             to show that it holds them.",
        ],
        Code::SignerRevoked => vec![
            "Keys are in force from the entry that registers them to the entry that revokes them. What was signed before \
             stays valid, and what was signed after is in no log that keeps its rules: `verify` fails in any case.",
        ],
        Code::DisputedKey | Code::TimeDoubtful => vec![
            "A revocation for compromise marks the entries from the index that it names; a time is in doubt where witnesses had \
             cosigned the tree with the entry before the time that the log gives it. `verify` says so in any case, and fails \
             because of it only with --strict.",
        ],
        Code::Withdrawn => vec![
            "Its issuer took the record back or put another in its place. The record stays in the log, and a bundle of it stays \
             valid: whoever holds only the bundle cannot know. `record show` and `card status` ask the log, and show it.",
        ],
        Code::ProofInvalid => vec![
            "An inclusion proof is a list of at most 63 hashes that lead from the entry to the root which the log signed. If \
             it does not, the entry is not in that tree, or the proof belongs to another entry or another size.",
        ],
        Code::BindingMismatch => vec![
            "Each thing is bound to the next by a digest: the file to the statement, the statement to the entry, the entry to \
             the tree. The line that failed names the two things that differ. Most often a file was changed after it was \
             recorded, or the bundle of another version lies beside it.",
        ],
        Code::Rollback | Code::Fork => vec![
            "A log may only grow. It has shown this program a signed checkpoint before that the one it shows now does not \
             extend. Both were saved side by side as an evidence file: with both signatures in it, anybody can see that the \
             log broke its promise, and the log cannot deny it.",
            "If you moved to another log on purpose, pin it again with `colophon log trust`.",
        ],
        Code::NoPolicy => vec![
            "Whether a log may be believed is decided by you, not by the file that you verify. The pin is the log's name and \
             key, the witnesses that must have seen each checkpoint, and the leaf hash of entry 0. Take it from a place that \
             you trust; for a log of your own, from `colophon log init`.",
        ],
        Code::PolicyUnmet => vec![
            "The pinned policy names the keys whose signatures a checkpoint needs: the log's, and a quorum of witnesses. A \
             witness confirms that it saw the same growing log as everybody else.",
        ],
        Code::Unreachable | Code::Overloaded | Code::RateLimited => vec![
            "This is not a verdict. A broken network or a broken server can keep you from checking, but it cannot make a \
             genuine record look forged or the other way round.",
        ],
        Code::GuardMissing | Code::GuardRolledBack | Code::StoreBehindGuard => vec![
            "The commit guard holds the newest checkpoint that the log has signed. If the data is older than it, or it is older \
             than what was shown, signing on would give two histories to two readers. That cannot be taken back, so the log \
             stops instead.",
        ],
        Code::IndexHangs => vec![
            "Everything in the index follows from the journal, so it may be thrown away at any time. It is kept in sled, which \
             can hang for good over one flipped bit; the start gives it a minute.",
        ],
        Code::LogKeyMismatch => vec![
            "Whoever pinned the log believes checkpoints by one key. With another one the log would go on writing and nobody \
             would take what it signs, so it does not start.",
        ],
        Code::DiskFull => vec![
            "Below 32 MiB of room the log takes nothing in and serves what it has. It looks twice a second and goes on by \
             itself once there are 48 MiB.",
        ],
        Code::AwaitingWitnesses => vec![
            "The record has its index and cannot be lost, but too few witnesses have confirmed a checkpoint that covers it. \
             Sending it again is safe and gets the same index.",
        ],
        Code::KeyUnreadable => vec![
            "Keys are PKCS#8 in PEM, encrypted with scrypt and AES-256 unless you chose otherwise. `openssl pkey -in FILE -noout` \
             opens them with the same password.",
        ],
        _ => Vec::new(),
    }
}
