//! import
mod front_matter;
mod yaml;
