//! One run of a command: where it prints, what is set, and the few things of the outside world that commands need.

use ledger::ids::UnixMillis;
use ledger::record::terms::{PartyId, Timestamp};
use ledger::{Code, Error};

use crate::client::Client;
use crate::config::Config;
use crate::failure::{At, CliError, Result};
use crate::keys::KeyStore;
use crate::output::Output;
use crate::world::WorldClock;

/// What a command has at hand.
pub(crate) struct Session<'a> {
    /// Where it prints.
    pub out: &'a Output,
    /// What is set.
    pub config: Config,
    clock: WorldClock,
}

impl<'a> Session<'a> {
    /// A run with these settings.
    pub(crate) fn new(out: &'a Output, config: Config, clock: WorldClock) -> Self {
        Self { out, config, clock }
    }

    /// The folder of keys.
    pub(crate) fn keys(&self) -> KeyStore {
        KeyStore::of(&self.config)
    }

    /// The log at the address of the flag, else of the settings.
    pub(crate) fn client(&self, flag: Option<&str>) -> Result<Client> {
        let Some(log) = self.config.log_or(flag) else {
            return Err(CliError::usage("no log is named")
                .hint("Pass --log URL, or set `log = \"URL\"` in the config file (see `colophon config show`)."));
        };
        Client::new(&log.value, &self.config).at(log.source)
    }

    /// The party that speaks, by the flag, else by the settings.
    pub(crate) fn issuer(&self, flag: Option<&str>) -> Result<Option<PartyId>> {
        let Some(issuer) = self.config.issuer_or(flag) else { return Ok(None) };
        let id = issuer.value.parse::<PartyId>();
        id.map(Some).map_err(|error| CliError::usage(error.to_string())).at(issuer.source)
    }

    /// The time.
    pub(crate) fn now(&self) -> UnixMillis {
        (self.clock)()
    }

    /// The time as records write it, in whole seconds.
    pub(crate) fn timestamp(&self) -> Result<Timestamp> {
        let seconds = UnixMillis(self.now().0 / 1000 * 1000);
        Timestamp::from_millis(seconds)
            .ok_or_else(|| Error::new(Code::ClockRefused, "the clock shows no time that can be written").into())
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("config", &self.config).finish_non_exhaustive()
    }
}
