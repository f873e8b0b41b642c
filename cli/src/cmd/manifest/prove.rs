//! `colophon manifest prove`

use std::path::PathBuf;

use ledger::Code;
use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{Answer as Membership, Form, Hints, MetaMode, list, open};
use serde_json::{Value, json};

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::{Answer, Mark};
use crate::question::Asked;
use crate::session::Session;

/// Prove from a manifest's files whether something is in it
///
/// The proof is the reply that a log would give: all keys of the bucket and the way to the root. It is checked before it is
/// written, as whoever receives it will check it against the signed manifest record.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon manifest prove manifest/ title:enwiki/Anarchism --out proofs/")]
pub(crate) struct Args {
    /// The manifest's folder
    dir: PathBuf,
    /// What to prove, as in `colophon ask`
    question: String,
    /// The wiki of a title or number that does not name its own
    #[arg(long, value_name = "NAME")]
    wiki: Option<Wiki>,
    /// What a text is: wikitext, plain or html
    #[arg(long, value_name = "FORM")]
    form: Option<Form>,
    /// Write each proof to a file of this folder
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    super::present(&args.dir)?;
    let asked = Asked::parse(&args.question, &Hints { wiki: args.wiki.clone(), form: args.form })?;
    let question = &asked.question;
    let mut text = String::new();
    let mut proofs: Vec<Value> = Vec::new();
    for folder in list(&args.dir).at(args.dir.display())? {
        let keyspace = open(&folder)?;
        let parameters = keyspace.keyspace();
        let fitting = question.parts().iter().filter(|part| question.bearing(part, parameters.spec()).is_some());
        for (part, key) in fitting.flat_map(|part| part.keys().iter().map(move |key| (part, key))) {
            let depth = parameters.t();
            let reply = keyspace.reply_for(key, depth, MetaMode::Rows)?;
            let answer = parameters.verify(key, depth, &reply)?;
            let (mark, word) = match answer.is_present() {
                true => (Mark::Good, "present"),
                false => (Mark::Open, "absent"),
            };
            let license = match &answer {
                Membership::Present { meta: Some(meta), .. } => keyspace.header().license(meta),
                _ => None,
            };
            let file = match &args.out {
                None => None,
                Some(out) => {
                    files::make_dir(out)?;
                    let path = out.join(format!("{}-{}.reply", parameters.id(), &key.to_hex()[..16]));
                    files::write(&path, &reply)?;
                    Some(path)
                }
            };
            text.push_str(&format!(
                "{} {word} {} in {} ({} bytes)\n",
                session.out.mark(mark),
                part,
                parameters.spec(),
                reply.len()
            ));
            proofs.push(json!({
                "keyspace": parameters.id(), "spec": parameters.spec().to_string(), "what": part.to_string(),
                "key": key, "status": word, "license": license, "bytes": reply.len(), "file": file.as_deref().map(files::to_json),
            }));
        }
    }
    if proofs.is_empty() {
        return Err(CliError::new(Code::NotFound, "the manifest has no keyspace of this kind of content")
            .hint("`colophon manifest inspect` lists its keyspaces."));
    }
    Ok(Answer::new(text, json!({ "question": asked.shown, "proofs": proofs })))
}
