//! The local engine under faults.

mod law;
mod story;
