//! What the tests of this member share.

pub mod faults;
