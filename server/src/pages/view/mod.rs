//! What pages show, as plain values: made of what the log says, turned into markup by the templates.
//!
//! Nothing here reads the log, a request or a clock; see the files beside this folder for that.

pub mod agreement;
pub mod ask;
pub mod claims;
pub mod dataset;
pub mod facts;
#[cfg(test)]
pub(crate) mod gallery;
pub mod home;
pub mod model;
pub mod moment;
pub mod parts;
pub mod party;
pub mod problem;
pub mod record;
pub mod said;
pub mod seen;
pub mod shell;
pub mod sources;
pub mod verify;
