//! What pages show, as plain values: made of what the log says, turned into markup by the templates.
//!
//! Nothing here reads the log, a request or a clock; see the files beside this folder for that.

pub mod facts;
pub mod moment;
pub mod parts;
pub mod said;
