//! What every handler has at hand: the log, the options, and what is shared by all requests.

use std::sync::Arc;

use ledger::log::Log;

/// How the server was asked to behave.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The address under which the world sees this server, without a slash at the end, such as
    /// `https://log.example.org`. Links are relative without it.
    pub public_url: Option<String>,
}

/// One per process, shared by all handlers.
#[derive(Debug)]
pub struct App {
    /// The log that is served. Handlers take one [`ledger::log::Published`] view of it and stay with that.
    pub log: Arc<Log>,
    /// How the server was asked to behave.
    pub options: Options,
}

impl App {
    /// The shared part of a server of this log.
    pub fn new(log: Arc<Log>, options: Options) -> Arc<Self> {
        Arc::new(Self { log, options })
    }
}
