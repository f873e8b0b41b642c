//! The HTTP client: blocking, with time-outs, and patient with a log that is busy.
//!
//! What it returns is bytes and not yet believed. A failure here means "could not check" (exit 20), never "invalid":
//! whatever a broken network or a broken server does, it cannot make a record look forged (SCOREBOARD B21).

use std::time::Duration;

use ledger::Code;
use ledger::error::Kind;
use serde_json::Value;

use crate::config::Config;
use crate::failure::{CliError, Result};
use crate::keys::random;

/// The first wait before trying again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// 200 + 400 + 800 + 1600 ms: three seconds bridge a restart of the log without keeping anybody waiting for good.
const RETRIES: u32 = 4;

/// The longest `Retry-After` that is waited for; a person should be told instead.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Requests at once, at most. A log an ocean away is followed in an eighth of the time, and one client is no crowd.
pub(crate) const AT_ONCE: usize = 8;

/// The largest reply of the read side: an entry bundle is 256 entries of at most 64 KiB.
pub(crate) const MAX_REPLY: u64 = 256 * 65_536 + 1024;

/// The largest file that is taken from a server that knows no ranges.
const MAX_FILE: u64 = 1 << 30;

/// A connection to one log.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

/// An answer of the log: below 500, and not a refusal.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The body.
    pub bytes: Vec<u8>,
    /// Whether it is the part that was asked for, and not the whole.
    pub partial: bool,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| CliError::new(Code::Unreachable, format!("the answer is not JSON: {error}")))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Request<'a> {
    Get,
    Piece { at: u64, len: u64 },
    Rest { at: u64 },
    Post { content_type: &'a str, body: &'a [u8] },
    Put { content_type: &'a str, body: &'a [u8] },
}

impl Client {
    /// A client of the log at `base`, which is `http://` or `https://`, a host, and perhaps a path.
    pub(crate) fn new(base: &str, config: &Config) -> Result<Self> {
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#', ' '])) {
            let error = CliError::usage(format!("{base:?} is not the address of a log"));
            return Err(if std::path::Path::new(base).is_dir() {
                error.hint(format!("This is a folder: pass it as --dir {base}, or serve it and pass the address."))
            } else {
                error.hint("Write it with its scheme, such as https://log.example.org.")
            });
        }
        let timeout = config.timeout.value;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout.min(Duration::from_secs(10))))
            // What is hashed must arrive as it was served.
            .accept_encoding("identity")
            .max_idle_connections_per_host(AT_ONCE)
            .user_agent(concat!("colophon/", env!("CARGO_PKG_VERSION")))
            .max_redirects(3)
            .build()
            .into();
        Ok(Self { agent, base: base.to_owned() })
    }

    /// The address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Fetches a resource; `None` if there is none.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Reply>> {
        match self.get(path) {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches a resource that should be there.
    pub(crate) fn get(&self, path: &str) -> Result<Reply> {
        self.get_up_to(path, MAX_REPLY)
    }

    /// Fetches a resource of at most `limit` bytes.
    pub(crate) fn get_up_to(&self, path: &str, limit: u64) -> Result<Reply> {
        self.request(path, Request::Get, limit)
    }

    /// Fetches `len` bytes of an immutable file from `at` on. A server that knows no ranges sends the whole, which is cut.
    pub(crate) fn get_piece(&self, path: &str, at: u64, len: u64) -> Result<Vec<u8>> {
        if len == 0 {
            return Ok(self.get_up_to(path, 0)?.bytes);
        }
        let mut bytes = self.request(path, Request::Piece { at, len }, MAX_FILE)?.bytes;
        let piece = usize::try_from(len).unwrap_or(usize::MAX);
        if bytes.len() > piece {
            let start = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            bytes.drain(..start);
            bytes.truncate(piece);
        }
        if bytes.len() == piece {
            return Ok(bytes);
        }
        let found = format!("{} bytes from byte {at} on, in the place of {len}", bytes.len());
        Err(CliError::new(Code::Unreachable, found).at(format!("{}{path}", self.base)))
    }

    /// Fetches a resource of which the beginning is held already; `None` if there is none. A server that knows no ranges sends
    /// the whole.
    pub(crate) fn find_whole(&self, path: &str, mut held: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let request = if held.is_empty() { Request::Get } else { Request::Rest { at: held.len() as u64 } };
        match self.request(path, request, MAX_REPLY) {
            Ok(reply) if reply.partial => {
                held.extend(reply.bytes);
                Ok(Some(held))
            }
            Ok(reply) => Ok(Some(reply.bytes)),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches a resource without patience, to see whether anybody is there.
    pub(crate) fn get_once(&self, path: &str) -> Result<Reply> {
        match self.once(&format!("{}{path}", self.base), Request::Get, MAX_REPLY)? {
            Outcome::Reply(reply) => Ok(reply),
            Outcome::Refused(error) | Outcome::Busy(error, _) => Err(error),
        }
    }

    /// Sends a body. Everything that this program sends may be sent again without harm.
    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Reply> {
        self.request(path, Request::Post { content_type, body }, MAX_REPLY)
    }

    /// Places a resource.
    pub(crate) fn put(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Reply> {
        self.request(path, Request::Put { content_type, body }, MAX_REPLY)
    }

    fn request(&self, path: &str, request: Request<'_>, limit: u64) -> Result<Reply> {
        let url = format!("{}{path}", self.base);
        let mut wait = FIRST_WAIT;
        let mut attempt = 0;
        loop {
            let (error, retry_after) = match self.once(&url, request, limit) {
                Ok(Outcome::Reply(reply)) => return Ok(reply),
                Ok(Outcome::Refused(error)) => return Err(error.at(url)),
                Ok(Outcome::Busy(error, retry_after)) => (error, retry_after),
                Err(error) => (error, None),
            };
            let pause = retry_after.unwrap_or(wait).max(wait);
            if attempt == RETRIES || pause > LONGEST_WAIT {
                return Err(error.at(url));
            }
            std::thread::sleep(jittered(pause)?);
            attempt += 1;
            wait *= 2;
        }
    }

    fn once(&self, url: &str, request: Request<'_>, limit: u64) -> Result<Outcome> {
        let answer = match request {
            Request::Get => self.agent.get(url).call(),
            Request::Piece { at, len } => {
                self.agent.get(url).header("range", format!("bytes={at}-{}", at + len - 1)).call()
            }
            Request::Rest { at } => self.agent.get(url).header("range", format!("bytes={at}-")).call(),
            Request::Post { content_type, body } => {
                self.agent.post(url).header("content-type", content_type).send(body)
            }
            Request::Put { content_type, body } => self.agent.put(url).header("content-type", content_type).send(body),
        };
        let mut response = answer.map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok())
            .map(Duration::from_secs);
        let bytes = match response.body_mut().with_config().limit(limit).read_to_vec() {
            Ok(bytes) => bytes,
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let found = format!("the answer is larger than {limit} bytes");
                return Ok(Outcome::Refused(CliError::new(Code::Unreachable, found)));
            }
            Err(error) => return Err(unreachable(&error)),
        };
        Ok(match status {
            200..=299 => Outcome::Reply(Reply { bytes, partial: status == 206 }),
            429 | 502 | 503 | 504 => {
                let error = problem(status, &bytes);
                // What is damaged is so a second later too.
                if error.code().kind() == Kind::Corrupt {
                    Outcome::Refused(error)
                } else {
                    Outcome::Busy(error, retry_after)
                }
            }
            _ => Outcome::Refused(problem(status, &bytes)),
        })
    }
}

enum Outcome {
    Reply(Reply),
    Refused(CliError),
    Busy(CliError, Option<Duration>),
}

/// A refusal on the wire (`application/problem+json`) as a failure of the command.
///
/// What the log says about itself (its disk, its clock) is a reason why something could not be checked, not a fault of this
/// program: any status from 500 on exits with 20. Only a log that says that its own store is damaged (503) is taken at its
/// word: it was reached, and neither the network nor waiting will help.
pub(crate) fn problem(status: u16, bytes: &[u8]) -> CliError {
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let said = text("code").and_then(|code| Code::from_text(&code));
    let detail = text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("status {status}"));
    let damaged = |code: Code| status == 503 && code.kind() == Kind::Corrupt;
    let code = match said {
        Some(code) if damaged(code) => code,
        Some(code) if status < 500 || code.exit_code() == Code::Unreachable.exit_code() => code,
        _ if status >= 500 => Code::Unreachable,
        _ => match status {
            404 => Code::NotFound,
            429 => Code::RateLimited,
            _ => Code::BadRequest,
        },
    };
    let found = match said {
        Some(said) if said != code || damaged(said) => format!("the log answered {status} {said}: {detail}"),
        None => format!("the server answered {status}: {detail}"),
        Some(_) => detail,
    };
    let error = CliError::new(code, found);
    let error = match text("place") {
        Some(place) => error.at(place),
        None => error,
    };
    if damaged(code) {
        return error.hint("The log's operator sees all that is damaged with `colophon log fsck --dir LOG`.");
    }
    // The server's hint is for this very case; but only where we know the code, since its text is not ours.
    match (said, text("hint")) {
        (Some(said), Some(hint)) if said == code => error.hint(hint),
        _ => error,
    }
}

fn unreachable(error: &ureq::Error) -> CliError {
    let found = match error {
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    CliError::new(Code::Unreachable, found)
}

/// Half of the wait for certain, half by chance, so that many clients do not come back at once.
fn jittered(wait: Duration) -> Result<Duration> {
    let mut chance = [0u8; 1];
    random(&mut chance)?;
    Ok(wait / 2 + wait * u32::from(chance[0]) / 512)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    fn config() -> Config {
        let env = BTreeMap::from([("HOME".to_owned(), "/nonexistent".to_owned())]);
        Config::load(env, None).unwrap()
    }

    /// A server that gives these answers, one a connection, and says which requests it got.
    fn server(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let mut length = 0;
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).unwrap();
                    if header.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                seen.push(line.trim().to_owned());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            seen
        });
        (base, thread)
    }

    #[test]
    fn b21_nobody_there_is_unreachable_not_invalid() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = Client::new(&base, &config()).unwrap().get("/checkpoint").unwrap_err();
        assert_eq!((error.code(), error.exit()), (Code::Unreachable, 20));
    }

    #[test]
    fn b21_a_broken_server_is_unreachable_whatever_it_says() {
        for answer in [
            "HTTP/1.1 500 Oops\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 507 Full\r\nconnection: close\r\ncontent-length: 20\r\n\r\n{\"code\":\"disk_full\"}",
        ] {
            let (base, thread) = server(vec![answer]);
            let error = Client::new(&base, &config()).unwrap().get("/x").unwrap_err();
            assert_eq!(error.exit(), 20, "{error}");
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_log_that_says_that_its_store_is_damaged_is_taken_at_its_word_and_not_asked_again() {
        let body =
            r#"{"code":"store_corrupt","detail":"the body does not match","place":"bodies/00000000.seg at byte 9"}"#;
        let answer = format!("HTTP/1.1 503 No\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (base, thread) = server(vec![answer.leak()]);
        let error = Client::new(&base, &config()).unwrap().get("/x").unwrap_err();
        assert_eq!((error.code(), error.exit()), (Code::StoreCorrupt, 1));
        assert!(error.to_string().contains("bodies/00000000.seg at byte 9"), "{error}");
        assert!(error.first_hint().contains("fsck"), "{}", error.first_hint());
        assert_eq!(thread.join().unwrap().len(), 1);
    }

    #[test]
    fn a_busy_log_is_asked_again_with_the_same_body() {
        let busy = "HTTP/1.1 503 Busy\r\nconnection: close\r\nretry-after: 0\r\ncontent-length: 21\r\n\r\n{\"code\":\"overloaded\"}";
        let good = "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        let (base, thread) = server(vec![busy, good]);
        let reply = Client::new(&base, &config()).unwrap().post("/api/v1/records", "application/json", b"x").unwrap();
        assert_eq!(reply.bytes, b"{}");
        assert_eq!(thread.join().unwrap().len(), 2);
    }

    #[test]
    fn a_refusal_keeps_its_code_place_and_hint() {
        let body = r#"{"code":"json_depth","detail":"33 deep","place":"/predicate","hint":"Flatten it."}"#;
        let answer = format!("HTTP/1.1 400 Bad\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (base, thread) = server(vec![answer.leak()]);
        let error = Client::new(&base, &config()).unwrap().get("/x").unwrap_err();
        assert_eq!((error.code(), error.exit()), (Code::JsonDepth, 2));
        assert_eq!(error.first_hint(), "Flatten it.");
        assert!(error.to_string().contains("/predicate"));
        thread.join().unwrap();
    }

    #[test]
    fn an_address_without_a_scheme_is_refused() {
        for wrong in ["log.example.org", "ftp://x", "http://", "https://a b"] {
            assert_eq!(Client::new(wrong, &config()).unwrap_err().exit(), 2, "{wrong}");
        }
    }
}
