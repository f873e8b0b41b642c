//! Errors on the wire: `application/problem+json` (RFC 9457) with a stable code.
//!
//! ```json
//! {"type":"urn:colophon:error:json_depth","title":"The JSON is nested more than 32 deep.","status":400,
//!  "detail":"...","code":"json_depth","place":"/predicate","hint":"Flatten the document."}
//! ```
//!
//! Status, title and hint are functions of [`ledger::Code`]; nothing here decides who is at fault, and nothing that
//! Rust calls `Debug` is ever sent. Every problem is `no-store`, and says when to come back if coming back may help.

use ledger::error::Kind;
use ledger::{Code, Error};
use serde_json::{Map, Value};
use warp::http::header::{self, HeaderName, HeaderValue};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::Response;

/// What a handler returns.
pub type Answer = Result<Response, Problem>;

/// A refusal on its way to the client: the error, and what else the client should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    error: Error,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<Error> for Problem {
    /// What is wrong on this side, and where in which file, is for the operator: it goes to the server's log, and the
    /// client learns the code.
    fn from(error: Error) -> Self {
        let ours = match error.code() {
            // A client has no files here.
            Code::FileAccess => Some(Code::StoreCorrupt),
            code if code.kind() == Kind::Corrupt => Some(code),
            _ => None,
        };
        let error = match ours {
            Some(code) => {
                tracing::error!(%error, "a request met damage");
                Error::new(code, "this is not about the request; the operator's log says more")
            }
            None if error.kind() == Kind::Unavailable && error.place().is_some() => {
                tracing::warn!(%error, "a request met a limit of this machine");
                Error::new(error.code(), error.detail())
            }
            None => error,
        };
        Self { error, members: Map::new(), headers: Vec::new() }
    }
}

impl Problem {
    /// A problem with its code and a sentence that says what was found.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Error::new(code, detail).into()
    }

    /// `not_found`, with a sentence that says what is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// `bad_request` about one part of the request.
    pub fn bad_request(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Error::new(Code::BadRequest, detail).at(place).into()
    }

    /// Adds a member to the document (RFC 9457, section 3.2). The standard members cannot be replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Tells the client when to come back.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The error inside.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.error.code()
    }

    /// The HTTP status: that of the code, or 500 for one that is none.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document.
    pub fn to_json(&self) -> Value {
        let code = self.code();
        let mut document = self.members.clone();
        document.insert("type".into(), format!("urn:colophon:error:{code}").into());
        document.insert("title".into(), code.title().into());
        document.insert("status".into(), self.status().as_u16().into());
        document.insert("detail".into(), self.error.detail().into());
        document.insert("code".into(), code.as_str().into());
        document.insert("hint".into(), code.hint().into());
        if let Some(place) = self.error.place() {
            document.insert("place".into(), place.into());
        }
        Value::Object(document)
    }

    /// The response.
    pub fn into_response(self) -> Response {
        let mut response = HttpResponse::new(self.to_json().to_string().into());
        *response.status_mut() = self.status();
        let may_help = self.code().kind() == Kind::Unavailable;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        if may_help && !headers.contains_key(header::RETRY_AFTER) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(crate::limits::soon()));
        }
        // For whoever shows it in another form, as pages do to browsers.
        response.extensions_mut().insert(self.error);
        response
    }
}

/// The response of a handler, whichever way it went.
pub fn respond(answer: Answer) -> Response {
    answer.unwrap_or_else(Problem::into_response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_code_becomes_a_problem_that_is_never_stored() {
        for code in Code::ALL {
            let problem = Problem::from(Error::new(*code, "found").at("/a/b"));
            let document = problem.to_json();
            if code.kind() == Kind::Corrupt || *code == Code::FileAccess {
                assert!(document.get("place").is_none() && document["detail"] != "found", "{code}");
                assert!(problem.status().is_server_error());
            } else {
                assert_eq!(document["type"], format!("urn:colophon:error:{code}"));
                assert_eq!(problem.status().as_u16(), code.http_status(), "{code}");
                assert_eq!(document["status"], code.http_status());
                assert_eq!(document["detail"], "found");
            }
            let response = problem.into_response();
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
    }

    #[test]
    fn i11_only_our_own_faults_are_500() {
        for code in Code::ALL {
            let status = Problem::from(Error::new(*code, "found")).status().as_u16();
            assert!(status != 500 || code.kind() == Kind::Corrupt, "{code}");
        }
    }

    #[test]
    fn a_member_cannot_stand_in_for_the_code() {
        let problem = Problem::not_found("nothing").with("code", "fine").with("index", "7").retry_after(3);
        let document = problem.to_json();
        assert_eq!(document["code"], "not_found");
        assert_eq!(document["index"], "7");
        assert!(document.get("place").is_none());
        assert_eq!(problem.into_response().headers()["retry-after"], "3");
    }
}
