//! What goes wrong within the engine, before it becomes an [`EngineError`].

use std::io;

use super::EngineError;

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

/// A place where stored bytes are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the log's folder; `guard/head` wherever the guard lives.
    pub file: String,
    /// The first byte of the damaged part.
    pub offset: u64,
    /// What is wrong with it.
    pub what: String,
}

impl Damage {
    pub(super) fn new(file: impl Into<String>, offset: u64, what: impl Into<String>) -> Self {
        Self { file: file.into(), offset, what: what.into() }
    }
}

impl From<Damage> for EngineError {
    fn from(Damage { file, offset, what }: Damage) -> Self {
        Self::Corrupt { file, offset, what }
    }
}
