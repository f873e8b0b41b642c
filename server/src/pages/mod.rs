//! The pages that people read. They work without JavaScript and fetch nothing from elsewhere.

pub mod assets;
pub mod view;
