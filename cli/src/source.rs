//! Where a command reads a log from: an address, or the log's folder; and whom it believes then.

use std::path::PathBuf;

use ledger::verify::Trust;

use crate::client::Client;
use crate::failure::{At, Result};
use crate::follow::fetch_checkpoint;
use crate::logdir::LogDir;
use crate::pins::Pins;
use crate::serving::{ANY_LOOPBACK, Running};
use crate::session::Session;
use crate::trust::{TrustArgs, origin_of};

/// Which log.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct LogArgs {
    /// The log's address [env: COLOPHON_LOG]
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    pub log: Option<String>,
    /// The folder of a log on this machine; it is asked through its server, or one that is started for the moment.
    /// Whom to believe is then what the folder says
    #[arg(long, value_name = "LOG")]
    pub dir: Option<PathBuf>,
}

/// A log that can be asked, and whom to believe about it.
#[derive(Debug)]
pub(crate) struct Source {
    /// The way to it.
    pub client: Client,
    /// Whom to believe.
    pub trust: Trust,
    /// Held while a server of our own answers.
    running: Option<Running>,
}

impl Source {
    /// The address under which others reach the log too; empty if it is asked through a server of the moment.
    pub(crate) fn public_base(&self) -> &str {
        if self.running.is_some() { "" } else { self.client.base() }
    }

    /// Finds the log, and whom to believe: the flags, else the folder, else the pin.
    pub(crate) fn open(args: &LogArgs, trust: &TrustArgs, session: &Session) -> Result<Self> {
        let Some(dir) = &args.dir else {
            let client = client(args, session)?;
            let note = fetch_checkpoint(&client)?;
            let trust = trust.for_checkpoint(&note, session).map_err(|error| {
                let log = client.base();
                error.hint(format!("Pin it with `colophon log trust {log} --vkey V`; its operator tells you V."))
            })?;
            return Ok(Self { client, trust, running: None });
        };
        let log = LogDir::open(dir)?;
        let (client, running) = reach(&log, session)?;
        let trust = if trust.policy.is_some() {
            trust.for_checkpoint(&fetch_checkpoint(&client)?, session)?
        } else {
            let genesis = trust.genesis_hash()?.map_or_else(|| log.genesis(), |said| Ok(Some(said)))?;
            Trust { genesis, ..Trust::new(log.policy().clone()) }
        };
        Ok(Self { client, trust, running })
    }
}

/// The log at the address of the flags or settings; without one, the only pinned log that has an address.
pub(crate) fn client(args: &LogArgs, session: &Session) -> Result<Client> {
    if session.config.log_or(args.log.as_deref()).is_none() {
        let pins = Pins::of(&session.config).list()?;
        let mut addresses = pins.iter().filter_map(|pin| pin.url.as_deref());
        if let (Some(url), None) = (addresses.next(), addresses.next()) {
            return Client::new(url, &session.config);
        }
    }
    session.client(args.log.as_deref())
}

/// The server of a log's folder: the one that runs, or one of our own.
pub(crate) fn reach(log: &LogDir, session: &Session) -> Result<(Client, Option<Running>)> {
    if let Some((_, url)) = log.served_at() {
        let client = Client::new(&url, &session.config)?;
        // What stands in the file may be old; only a server that shows this log's checkpoint is believed to be it.
        let note = client.get_once("/checkpoint").map(|reply| reply.bytes).unwrap_or_default();
        if origin_of(&note).as_deref() == Some(log.origin().as_str()) {
            return Ok((client, None));
        }
    }
    let running = Running::start(log, ANY_LOOPBACK).at(log.path().display())?;
    let client = Client::new(running.url(), &session.config)?;
    Ok((client, Some(running)))
}
