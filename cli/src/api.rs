//! What a log answers, in types. Nothing of it is believed: what counts is verified from the bundle or the entries.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ledger::Code;
use ledger::bundle::MAX_BUNDLE_LEN;
use ledger::ids::{KeyspaceId, LeafIndex, RecordId};
use ledger::manifest::MetaMode;
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{At, CliError, Result};

/// One request of a batch stays below half of what the server takes (16 MiB), so that a proxy in between has room too.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Lines of one request: a progress bar moves about every second at a thousand records a second.
const BATCH_LINES: usize = 1024;

/// How often a line of a batch that came at a bad moment is sent again.
const ROUNDS: usize = 4;

/// How long to wait between two looks at a record that waits for witnesses.
const GLANCE: Duration = Duration::from_millis(250);

/// A record that the log has.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    /// Its index.
    pub index: LeafIndex,
    /// Its id.
    pub record: RecordId,
    /// Whether the log had it already.
    pub duplicate: bool,
    /// Whether a checkpoint that meets the log's own policy covers it.
    pub published: bool,
    /// What lint said about it.
    pub warnings: Vec<Value>,
}

impl Accepted {
    fn from_json(answer: &Value) -> Result<Self> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let missing = |name: &str| CliError::new(Code::Unreachable, format!("the log's answer has no {name}"));
        Ok(Self {
            index: text("index").ok_or_else(|| missing("index"))?.parse()?,
            record: text("record").ok_or_else(|| missing("record"))?.parse()?,
            duplicate: answer.get("duplicate").and_then(Value::as_bool).unwrap_or_default(),
            published: text("status") == Some("published"),
            warnings: answer.get("warnings").and_then(Value::as_array).cloned().unwrap_or_default(),
        })
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "index": self.index.to_string(),
            "record": self.record,
            "duplicate": self.duplicate,
            "published": self.published,
            "warnings": self.warnings,
        })
    }
}

impl Client {
    /// Sends an envelope. Sending it again is safe: the answer is the same index.
    pub(crate) fn submit(&self, envelope: &[u8]) -> Result<Accepted> {
        Accepted::from_json(&self.post("/api/v1/records", "application/json", envelope)?.json()?).at(self.base())
    }

    /// Waits until a published checkpoint covers a record that the log has.
    ///
    /// # Errors
    /// `awaiting_witnesses` when the time is over.
    pub(crate) fn wait_until_published(&self, mut accepted: Accepted, patience: Duration) -> Result<Accepted> {
        let started = Instant::now();
        while !accepted.published {
            if self.find(&format!("/api/v1/records/{}/receipt", accepted.index))?.is_some() {
                accepted.published = true;
            } else if started.elapsed() > patience {
                let found = format!("entry {} is durable, and too few witnesses confirmed it yet", accepted.index);
                return Err(CliError::new(Code::AwaitingWitnesses, found)
                    .hint("Run the same command again later; it gets the same index."));
            } else {
                std::thread::sleep(GLANCE);
            }
        }
        Ok(accepted)
    }

    /// Sends many envelopes, a thousand a request, and answers for each. A line that came at a bad moment is sent again.
    pub(crate) fn submit_batch(
        &self,
        envelopes: &[Vec<u8>],
        mut done: impl FnMut(u64),
    ) -> Result<Vec<Result<Accepted>>> {
        let mut answers: Vec<Option<Result<Accepted>>> = envelopes.iter().map(|_| None).collect();
        let mut open: VecDeque<usize> = (0..envelopes.len()).collect();
        for round in 0..ROUNDS {
            let mut again = VecDeque::new();
            while !open.is_empty() {
                let (body, sent) = next_request(envelopes, &mut open);
                let reply = self.post("/api/v1/records:batch", "application/x-ndjson", &body)?;
                let mut lines = reply.bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
                for place in sent {
                    // A line without an answer: the server stopped in between. It may have been taken in or not.
                    let answer = match lines.next() {
                        Some(line) => one_answer(line),
                        None => Err(CliError::new(Code::Stopping, "the log stopped before it answered this line")),
                    };
                    let transient = answer.as_ref().is_err_and(|error| error.exit() == Code::Stopping.exit_code());
                    if transient && round + 1 < ROUNDS {
                        again.push_back(place);
                        continue;
                    }
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = Some(answer);
                    }
                    done(1);
                }
            }
            if again.is_empty() {
                break;
            }
            std::thread::sleep(GLANCE * 2u32.pow(u32::try_from(round).unwrap_or(0)));
            open = again;
        }
        let unanswered = || Err(CliError::new(Code::Internal, "a line was not answered"));
        Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect())
    }

    /// Where the reply for a prefix of a keyspace is.
    pub(crate) fn reply_address(&self, id: KeyspaceId, depth: u8, prefix: u64, mode: MetaMode) -> String {
        let meta = match mode {
            MetaMode::Rows => "rows",
            MetaMode::Digests => "digests",
        };
        format!("/manifests/{id}/bucket/{depth}/{prefix}?meta={meta}")
    }

    /// The bundle of a record, by index or id, as the log makes it.
    pub(crate) fn bundle(&self, name: &str) -> Result<Vec<u8>> {
        Ok(self.get_up_to(&format!("/api/v1/records/{name}/bundle"), MAX_BUNDLE_LEN as u64)?.bytes)
    }
}

/// As many envelopes as one request takes, one a line, and their places.
fn next_request(envelopes: &[Vec<u8>], open: &mut VecDeque<usize>) -> (Vec<u8>, Vec<usize>) {
    let mut body = Vec::new();
    let mut sent = Vec::new();
    while let Some(envelope) = open.front().and_then(|place| envelopes.get(*place)) {
        if !sent.is_empty() && (sent.len() == BATCH_LINES || body.len() + envelope.len() > BATCH_BYTES) {
            break;
        }
        body.extend_from_slice(envelope);
        body.push(b'\n');
        sent.extend(open.pop_front());
    }
    (body, sent)
}

fn one_answer(line: &[u8]) -> Result<Accepted> {
    let answer: Value = serde_json::from_slice(line)
        .map_err(|error| CliError::new(Code::Unreachable, format!("a line of the answer is not JSON: {error}")))?;
    let status = answer.get("http").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    match status {
        Some(200..=299) => Accepted::from_json(&answer),
        status => Err(crate::client::problem(status.unwrap_or(500), line)),
    }
}
