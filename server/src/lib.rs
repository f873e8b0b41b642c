//! The HTTP side of a Colophon log.
//!
//! warp filters on an accept loop of our own. Handlers read one published view of the log and answer from it; they
//! hold no state, follow no address and decompress nothing. What a handler refuses becomes a [`problem`].

mod activity;
pub mod app;
pub mod body;
mod connection;
pub mod limits;
pub mod metrics;
pub mod pages;
pub mod problem;
pub mod query;
pub mod serve;

pub use activity::Deadlines;
pub use connection::Peer;
