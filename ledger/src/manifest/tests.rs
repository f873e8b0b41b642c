//! The content keys as a whole: against the published vectors, and against an implementation by other hands.

mod oracle;
mod vectors;
