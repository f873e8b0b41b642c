//! `/openapi.json`: kept by hand, and held to the routes by the tests below.
//!
//! It is also what a refusal of a method is answered from: which methods an address takes is said in one place.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

/// The document.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

/// The addresses of the document, each with its methods.
static ADDRESSES: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let methods = |operations: &Value| {
        let names = operations.as_object().into_iter().flatten().map(|(name, _)| name);
        names.filter(|name| METHODS.contains(&name.as_str())).map(|name| name.to_uppercase()).collect()
    };
    paths.map(|(path, operations)| (path.clone(), methods(operations))).collect()
});

/// The members of a path item that are methods.
const METHODS: [&str; 4] = ["get", "head", "post", "put"];

/// The methods that an address takes, for the header `Allow`. Pages are read and not described.
pub(crate) fn allowed(path: &str) -> String {
    let described = ADDRESSES.iter().filter(|(template, _)| matches(template, path));
    let methods: BTreeSet<&str> = described.flat_map(|(_, methods)| methods).map(String::as_str).collect();
    if methods.is_empty() { "GET, HEAD".to_owned() } else { methods.into_iter().collect::<Vec<_>>().join(", ") }
}

/// Whether a path is of the form of a template such as `/tile/{level}/{index}`.
fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(expected, found)| match (expected.find('{'), expected.rfind('}')) {
            (Some(open), Some(close)) => {
                let (before, after) = (&expected[..open], &expected[close + 1..]);
                found.len() > before.len() + after.len() && found.starts_with(before) && found.ends_with(after)
            }
            _ => expected == found,
        })
}
