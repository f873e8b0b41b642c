//! Where passwords of keys come from: a file descriptor, an environment variable, or a person at a terminal.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::config::Config;
use crate::failure::{CliError, Result};

/// The variable that may hold the password, for machines without a terminal.
pub(crate) const PASSWORD_VARIABLE: &str = "COLOPHON_KEY_PASSWORD";

/// Where the password of a key comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PasswordArgs {
    /// Read the key's password from this file descriptor (one line for each encrypted key; the last line serves
    /// the rest). Without it: $COLOPHON_KEY_PASSWORD, else a prompt.
    #[arg(long, value_name = "N")]
    pub password_fd: Option<u32>,
}

/// Hands out passwords, each time from the same place.
pub(crate) struct Passwords {
    place: Place,
}

enum Place {
    Lines { lines: Vec<Zeroizing<String>>, next: usize },
    Prompt,
}

impl Passwords {
    /// Takes the passwords from where the arguments and the environment say.
    pub(crate) fn new(args: &PasswordArgs, config: &Config) -> Result<Self> {
        let place = if let Some(fd) = args.password_fd {
            let path = PathBuf::from(format!("/dev/fd/{fd}"));
            let file = fs::File::open(&path).map_err(|source| CliError::io(&path, "read the password", source))?;
            let mut lines = Vec::new();
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|source| CliError::io(&path, "read the password", source))?;
                lines.push(Zeroizing::new(line));
            }
            if lines.is_empty() {
                return Err(CliError::usage(format!("file descriptor {fd} holds no password")));
            }
            Place::Lines { lines, next: 0 }
        } else if let Some(password) = config.variable(PASSWORD_VARIABLE) {
            Place::Lines { lines: vec![Zeroizing::new(password.to_owned())], next: 0 }
        } else {
            Place::Prompt
        };
        Ok(Self { place })
    }

    /// Passwords for keys that have none.
    #[cfg(test)]
    pub(crate) fn fixed(password: &str) -> Self {
        Self { place: Place::Lines { lines: vec![Zeroizing::new(password.to_owned())], next: 0 } }
    }

    /// The password of a key that exists.
    pub(crate) fn open(&mut self, key: &str) -> Result<Zeroizing<String>> {
        match &mut self.place {
            Place::Lines { lines, next } => {
                let line = lines.get(*next).or(lines.last()).cloned().unwrap_or_default();
                *next += 1;
                Ok(line)
            }
            Place::Prompt => prompt(&format!("Password of key {key}: ")),
        }
    }

    /// The password of a key that is being made: asked for twice.
    pub(crate) fn choose(&mut self, key: &str) -> Result<Zeroizing<String>> {
        if matches!(self.place, Place::Lines { .. }) {
            let password = self.open(key)?;
            if password.is_empty() {
                return Err(empty_password());
            }
            return Ok(password);
        }
        let first = prompt(&format!("New password of key {key}: "))?;
        if first.is_empty() {
            return Err(empty_password());
        }
        if prompt("The same again: ")? != first {
            return Err(CliError::usage("the two passwords differ").hint("Run the command again."));
        }
        Ok(first)
    }
}

fn empty_password() -> CliError {
    CliError::usage("the password is empty").hint("Choose one, or say --no-password to keep the key unprotected.")
}

fn prompt(text: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(|source| {
        CliError::usage(format!("a password is needed and there is no terminal to ask on ({source})"))
            .hint(format!("Set {PASSWORD_VARIABLE} or pass --password-fd N; for `key new`, --no-password."))
    })
}
