//! What lint has to say about a record: what a reader will miss in it, closed until it is asked for.

use askama::Template;
use askama::filters::HtmlSafe;

use super::said::{Allowance, Said};
use super::seen::Content;

/// Remarks that are listed.
const MAX_LISTED: usize = 20;

/// The remarks about one record.
#[derive(Debug, Template)]
#[template(path = "remarks.html")]
pub struct Remarks {
    list: Vec<(Said, Said)>,
    more: usize,
}

impl HtmlSafe for Remarks {}

impl Remarks {
    /// Those about a statement.
    pub fn new(content: &Content, allowance: &mut Allowance) -> Self {
        let listed = content.warnings.iter().take(MAX_LISTED);
        let list: Vec<(Said, Said)> =
            listed.map(|w| (allowance.said(&w.place, 120), allowance.said(&w.detail, 300))).collect();
        Self { more: content.warnings.len() - list.len(), list }
    }
}
