//! What goes wrong within the engine, before it becomes an [`EngineError`].

use std::io;
use std::path::Path;

use super::EngineError;
use crate::error::{Code, Error};

/// A step that failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// What it did can be taken back, and the process can go on.
    Failed { what: String, source: io::Error },
    /// A failed sync, or a failed taking back: memory and disk may differ, so the process must stop.
    Stop { what: String, source: io::Error },
}

impl Fault {
    pub(super) fn failed(what: impl Into<String>, source: io::Error) -> Self {
        Self::Failed { what: what.into(), source }
    }

    pub(super) fn stop(what: impl Into<String>, source: io::Error) -> Self {
        Self::Stop { what: what.into(), source }
    }

    /// The same fault where nothing can be taken back.
    pub(super) fn fatal(self) -> EngineError {
        match self {
            Self::Failed { what, source } | Self::Stop { what, source } => fatal(what, source),
        }
    }
}

impl From<Fault> for EngineError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Failed { what, source } => Self::NotCommitted { what, source },
            Fault::Stop { what, source } => fatal(what, source),
        }
    }
}

/// The process must stop, because the system said `source`.
pub(super) fn fatal(what: impl Into<String>, source: io::Error) -> EngineError {
    EngineError::Fatal { what: what.into(), source: Some(source) }
}

/// The process must stop, or was not let to a file in the first place: then the file may be whole.
pub(super) fn failed_at(path: &Path, what: &str, source: io::Error) -> EngineError {
    if !is_barred(source.kind()) {
        return fatal(format!("{what} {}", path.display()), source);
    }
    let error = Error::new(Code::FileAccess, format!("{what}: {source}"));
    EngineError::Refused(error.at(path.display().to_string()))
}

/// Whether the system speaks of the way to a file and not of what is in it.
fn is_barred(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    matches!(kind, PermissionDenied | ReadOnlyFilesystem | IsADirectory | NotADirectory)
}

/// A place where stored bytes are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the log's folder; `guard/head` wherever the guard lives.
    pub file: String,
    /// The first byte of the damaged part.
    pub offset: u64,
    /// What is wrong with it.
    pub what: String,
    /// Whether this program was not let to the file: its bytes may be whole.
    pub barred: bool,
}

impl Damage {
    pub(super) fn new(file: impl Into<String>, offset: u64, what: impl Into<String>) -> Self {
        Self { file: file.into(), offset, what: what.into(), barred: false }
    }

    /// What the system did not hand out.
    pub(super) fn unreadable(file: impl Into<String>, offset: u64, error: &io::Error) -> Self {
        let barred = is_barred(error.kind());
        Self { barred, ..Self::new(file, offset, format!("cannot be read: {error}")) }
    }
}

impl From<Damage> for EngineError {
    fn from(Damage { file, offset, what, barred }: Damage) -> Self {
        if barred {
            return Self::Refused(Error::new(Code::FileAccess, what).at(file));
        }
        Self::Corrupt { file, offset, what }
    }
}
