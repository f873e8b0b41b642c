//! What pages show, as plain values: made of what the log says, turned into markup by the templates.
//!
//! Nothing here reads the log, a request or a clock; see the files beside this folder for that.

pub mod agreement;
pub mod ask;
pub mod card;
pub mod claims;
pub mod contents;
pub mod croissant;
pub mod dataset;
pub mod facts;
pub mod findings;
#[cfg(test)]
pub(crate) mod gallery;
pub mod home;
pub mod marks;
pub mod model;
pub mod moment;
pub mod parts;
pub mod party;
pub mod problem;
pub mod record;
pub mod remarks;
pub mod said;
pub mod seen;
pub mod shell;
pub mod sources;
pub mod standing;
pub mod verify;
