//! Records. (Stand-in until the branch with the reader of records is merged.)

pub mod import;
pub mod license;
