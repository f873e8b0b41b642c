//! `colophon preference status`

use ledger::Code;
use ledger::ids::{RecordId, UnixMillis};
use ledger::record::aipref::Category;
use ledger::record::kinds::Scope;
use ledger::record::terms::moment;
use ledger::state::{Content, Effective, State, Statement};
use serde_json::{Value, json};

use crate::failure::{CliError, Result};
use crate::follow::View;
use crate::followed::Followed;
use crate::output::{Answer, clipped, short, shown};
use crate::saying::record_id;
use crate::scope::scopes;
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// See which preference holds for some content, why, and who still owes an answer
///
/// Of a record: what it says, how it stands, and the clock of each party that was asked. Of content: what all statements
/// about it come to at this moment; any disallow wins, else any allow, else it is unknown, which is never permission.
/// Without either, every preference of the log. Follows the log from its entries; nothing is taken from the server.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon preference status page:enwiki/12 --log https://log.example.org\n  colophon preference status record:<id> --json"
)]
pub(crate) struct Args {
    /// A preference's record, or content as `preference declare` takes it
    #[arg(value_name = "WHAT", value_parser = asked)]
    what: Option<Asked>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Clone)]
enum Asked {
    Record(RecordId),
    Content(Vec<Scope>, Option<String>),
}

fn asked(text: &str) -> std::result::Result<Asked, String> {
    if let Ok(id) = record_id(text) {
        return Ok(Asked::Record(id));
    }
    let url = text.parse::<ledger::manifest::CanonicalUrl>().ok().map(|url| url.as_str().to_owned());
    scopes(text).map(|scopes| Asked::Content(scopes, url))
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let now = session.now();
    let (text, mut json) = match &args.what {
        Some(Asked::Record(id)) => one(&log.state, *id, now)?,
        Some(Asked::Content(scopes, url)) => content(&log.state, scopes, url.as_deref(), now)?,
        None => all(&log.state, now, session),
    };
    json["now"] = json!(moment(now));
    json["log"] = log.origin();
    Ok(Answer::new(format!("{text}\n{}\n", log.freshness()), json))
}

fn one(state: &State, id: RecordId, now: UnixMillis) -> Result<(String, Value)> {
    let Some(preference) = state.preference(&id) else {
        return Err(CliError::new(Code::NotFound, "no preference of this log has this record id")
            .at(id.to_reference())
            .hint("`colophon preference status` lists them all."));
    };
    let mut text = format!("preference   entry {}, record {id}\n", preference.index);
    let mut json = json!({
        "record": id, "index": preference.index.to_string(), "issuer": preference.issuer,
        "received": moment(preference.received), "redacted": preference.said.is_none(),
        "takenBack": preference.taken_back().map(moment),
    });
    match state.statement(&id) {
        Some(statement) => {
            text.push_str(&said(&statement, now));
            json["statement"] = statement.to_json(now, &moment);
        }
        None => text.push_str("redacted: what it said is gone\n"),
    }
    let clocks = state.clocks(&id);
    for clock in &clocks {
        let answer = clock.answer.map(|answer| format!("{:?} in entry {}", answer.status, answer.index).to_lowercase());
        let late = if clock.is_overdue(now) { " (overdue)" } else { "" };
        let answer = answer.unwrap_or_else(|| "no answer".to_owned());
        text.push_str(&format!("{:<12} {answer}, due {}{late}\n", shown(clock.party), time(clock.due)));
    }
    if clocks.is_empty() {
        text.push_str("Nobody's clock runs: it asks no party for an answer, or nobody vouches for it.\n");
    }
    json["clocks"] = json!(clocks.iter().map(|clock| clock.to_json(now, &moment)).collect::<Vec<Value>>());
    Ok((text, json))
}

fn content(state: &State, scopes: &[Scope], url: Option<&str>, now: UnixMillis) -> Result<(String, Value)> {
    let keys: Vec<_> = scopes.iter().filter_map(|scope| scope.key).collect();
    let prefix = scopes.iter().find_map(|scope| scope.prefix.as_deref());
    let content = Content { keys: &keys, url: url.or(prefix) };
    let mut text = String::new();
    let first = scopes.first();
    let mut json = json!({
        "kind": first.map(|scope| &scope.kind), "key": first.and_then(|scope| scope.key), "prefix": prefix,
        "keys": keys, "preferences": {},
    });
    for category in Category::ALL {
        let effective: Effective<'_> = state.effective(&content, category, now);
        text.push_str(&format!("{:<12} {}\n", category.as_str(), effective.preference.as_str()));
        for statement in &effective.because {
            text.push_str(&format!(
                "  because of entry {} by {}\n",
                statement.state.index,
                shown(&statement.state.issuer)
            ));
        }
        for statement in &effective.unvouched {
            text.push_str(&format!(
                "  entry {} says {}, and nobody vouches for its key: it decides nothing\n",
                statement.state.index,
                statement.said.about(category).as_str()
            ));
        }
        json["preferences"][category.as_str()] = effective.to_json(&mut |statement| statement.to_json(now, &moment));
    }
    Ok((text, json))
}

fn all(state: &State, now: UnixMillis, session: &Session) -> (String, Value) {
    let mut preferences: Vec<_> = state.preferences().collect();
    preferences.sort_by_key(|(_, preference)| preference.index);
    let mut items = Vec::with_capacity(preferences.len());
    let mut rows = Vec::with_capacity(preferences.len());
    for (id, preference) in preferences {
        let clocks = state.clocks(id);
        let open = clocks.iter().filter(|clock| !clock.is_answered()).count();
        let overdue = clocks.iter().filter(|clock| clock.is_overdue(now)).count();
        let statement = state.statement(id);
        let stands = match &statement {
            None => "redacted",
            Some(statement) if !statement.holds(now) => "not in force",
            Some(statement) => statement.backing.as_str(),
        };
        let training = statement.as_ref().map_or("", |s| s.said.about(Category::TrainAi).as_str());
        rows.push([
            preference.index.to_string(),
            clipped(&preference.issuer, 24),
            training.to_owned(),
            stands.to_owned(),
            format!("{open} open, {overdue} overdue"),
            short(&id.to_hex()),
        ]);
        items.push(json!({
            "record": id, "index": preference.index.to_string(), "issuer": preference.issuer, "stands": stands,
            "trainAi": training, "answersOpen": open, "answersOverdue": overdue,
        }));
    }
    let text = session.out.table(["ENTRY", "BY", "TRAIN-AI", "STANDS", "ANSWERS", "RECORD"], rows);
    (format!("{text}\n"), json!({ "count": items.len(), "preferences": items }))
}

fn said(statement: &Statement<'_>, now: UnixMillis) -> String {
    let mut text = String::new();
    for category in Category::ALL {
        text.push_str(&format!("{:<12} {}\n", category.as_str(), statement.said.about(category).as_str()));
    }
    let holds = if statement.holds(now) { "in force" } else { "not in force" };
    text.push_str(&format!("stands       {holds}, {}, from {}\n", statement.backing.as_str(), time(statement.from)));
    text
}
