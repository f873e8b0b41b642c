//! What every handler has at hand: the log, the options, and what is shared by all requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::log::{Log, Published};
use tokio::sync::watch;

use crate::body::Bodies;
use crate::closed::Disclosures;
use crate::found::Kept;
use crate::limits::{self, Limits};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::replies::Replies;
use crate::serve;
use crate::uploads::Checks;

/// How the server was asked to behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address under which the world sees this server, without a slash at the end, such as
    /// `https://log.example.org`. Links are relative without it.
    pub public_url: Option<String>,
    /// How it treats its connections.
    pub serve: serve::Options,
    /// How often who may submit and ask.
    pub limits: limits::Options,
    /// How long a submission waits for its receipt before it is told to come back for it: long enough for witnesses
    /// on the other side of the world, shorter than the patience of most clients and proxies (30 s).
    pub receipt_deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            public_url: None,
            serve: serve::Options::default(),
            limits: limits::Options::default(),
            receipt_deadline: Duration::from_secs(10),
        }
    }
}

/// One per process, shared by all handlers.
#[derive(Debug)]
pub struct App {
    /// The log that is served. Handlers take one [`Published`] view of it and stay with that.
    pub log: Arc<Log>,
    /// How the server was asked to behave.
    pub options: Options,
    /// Who may submit and ask how often.
    pub limits: Limits,
    /// The memory that request bodies share.
    pub bodies: Bodies,
    /// The memory that large responses share.
    pub replies: Replies,
    /// Figures for the operator.
    pub metrics: Arc<Metrics>,
    /// When this server was made.
    pub started: Instant,
    pub(crate) checks: Checks,
    pub(crate) findings: Kept,
    pub(crate) disclosures: Disclosures,
    pub(crate) draining: watch::Sender<bool>,
}

impl App {
    /// The shared part of a server of this log.
    pub fn new(log: Arc<Log>, options: Options) -> Arc<Self> {
        Arc::new(Self {
            log,
            limits: Limits::new(options.limits.clone()),
            options,
            bodies: Bodies::default(),
            replies: Replies::default(),
            checks: Checks::default(),
            findings: Kept::default(),
            disclosures: Disclosures::default(),
            metrics: Arc::default(),
            started: Instant::now(),
            draining: watch::Sender::new(false),
        })
    }

    /// What readers may see at this moment. A handler takes it once.
    ///
    /// # Errors
    /// `not_found` before the first checkpoint that meets the policy.
    pub fn view(&self) -> Result<Arc<Published>, Problem> {
        self.log.published().ok_or_else(|| Problem::not_found("no checkpoint has been published yet"))
    }

    /// Whether the server is on its way to its end.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// A link to a path of this server: absolute if the public address is known.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.options.public_url.as_deref().unwrap_or_default())
    }
}
