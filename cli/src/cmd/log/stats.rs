//! `colophon log stats`

use std::collections::BTreeMap;

use serde_json::json;

use crate::failure::Result;
use crate::follow::View;
use crate::output::{Answer, grouped};
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Count what a log holds
///
/// Follows the log from its entries and hashes them to the signed root, so the counts are of everything.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log stats --dir /srv/log")]
pub(crate) struct Args {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut issuers: BTreeMap<String, u64> = BTreeMap::new();
    let (mut first, mut last) = (None, None);
    let state = view.scan(&|_, _| false, &mut |entry| {
        *kinds.entry(entry.header.kind.clone()).or_default() += 1;
        *issuers.entry(entry.header.issuer.clone()).or_default() += 1;
        first.get_or_insert(entry.header.received);
        last = Some(entry.header.received);
        Ok(())
    })?;
    let checkpoint = view.accepted().checkpoint();
    let cosigned = view.accepted().newest().map(|at| time(at.to_millis()));
    let span = |at: Option<ledger::ids::UnixMillis>| at.map(time);
    let mut text = format!(
        "origin    {}\nentries   {}\nroot      {}\ncosigned  {}\nfirst     {}\nlast      {}\nparties   {}\n\n",
        checkpoint.origin(),
        grouped(checkpoint.size().0),
        checkpoint.root(),
        cosigned.as_deref().unwrap_or("–"),
        span(first).unwrap_or_default(),
        span(last).unwrap_or_default(),
        state.parties().count(),
    );
    text.push_str(&session.out.table(["KIND", "RECORDS"], kinds.iter().map(|(k, n)| [k.clone(), grouped(*n)])));
    text.push_str("\n\n");
    text.push_str(&session.out.table(["BY", "RECORDS"], issuers.iter().map(|(k, n)| [k.clone(), grouped(*n)])));
    let json = json!({
        "origin": checkpoint.origin().as_str(),
        "size": checkpoint.size().to_string(),
        "root": checkpoint.root().to_string(),
        "cosigned": cosigned,
        "first": span(first),
        "last": span(last),
        "parties": state.parties().count(),
        "kinds": kinds,
        "issuers": issuers,
    });
    Ok(Answer::new(text, json))
}
