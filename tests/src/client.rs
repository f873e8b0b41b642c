//! A client of a served log that keeps its connection.

use serde_json::Value;

/// A connection to one server.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

/// What a server answered, whatever it was.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the server at `url`, which has no slash at the end.
    pub fn of(url: &str) -> Self {
        let agent =
            ureq::Agent::config_builder().http_status_as_error(false).accept_encoding("identity").build().into();
        Self { agent, url: url.to_owned() }
    }

    /// Gets a path.
    ///
    /// # Errors
    /// If the server is gone before it has answered.
    pub fn get(&self, path: &str) -> Result<Reply, ureq::Error> {
        Reply::read(self.agent.get(format!("{}{path}", self.url)).call()?)
    }

    /// Posts JSON, or what should be.
    ///
    /// # Errors
    /// If the server is gone before it has answered.
    pub fn post(&self, path: &str, body: &[u8]) -> Result<Reply, ureq::Error> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        Reply::read(request.send(body)?)
    }
}

impl Reply {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        Ok(Self { status: response.status().as_u16(), body: response.body_mut().read_to_vec()? })
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}
