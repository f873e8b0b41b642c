//! `/openapi.json`: kept by hand, and held to the routes by the tests below.
//!
//! It is also what a refusal of a method is answered from: which methods an address takes is said in one place.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

use crate::pages;

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
    let mut methods: BTreeSet<&str> = described.flat_map(|(_, methods)| methods).map(String::as_str).collect();
    let takes_form = pages::takes_form(path);
    if methods.is_empty() && (pages::is_page(path) || !takes_form) {
        methods.extend(["GET", "HEAD"]);
    }
    if takes_form {
        methods.insert("POST");
    }
    // What is read says how it is read.
    if methods.contains("GET") {
        methods.insert("OPTIONS");
    }
    methods.into_iter().collect::<Vec<_>>().join(", ")
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::TestServer;

    /// Every operation: method, path with the examples in it, and the statuses that it may have.
    fn operations() -> Vec<(String, String, Vec<String>)> {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut operations = Vec::new();
        for (template, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let mut path = template.clone();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if parameter["in"] == "path" {
                        let name = parameter["name"].as_str().unwrap();
                        path = path.replace(&format!("{{{name}}}"), parameter["example"].as_str().unwrap());
                    }
                }
                assert!(!path.contains('{'), "{template} has a parameter without an example");
                let statuses = operation["responses"].as_object().unwrap().keys().cloned().collect();
                operations.push((method.to_uppercase(), path, statuses));
            }
        }
        operations
    }

    #[test]
    fn every_operation_of_the_document_is_there_and_answers_as_it_says() {
        let server = TestServer::start();
        for (method, path, statuses) in operations() {
            let reply = server.request(&method, &path, &[("content-type", "application/json")], b"");
            let status = reply.status.to_string();
            assert!(statuses.contains(&status), "{method} {path}: {status} is not in {statuses:?}");
            assert!(!reply.text().contains("no such address"), "{method} {path}");
        }
    }

    #[test]
    fn every_route_of_the_code_is_in_the_document() {
        let server = TestServer::start();
        for (method, path, _) in operations() {
            server.request(&method, &path, &[("content-type", "application/json")], b"");
        }
        let seen = server.get("/metrics").text();
        let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let sources = sources.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let text: String = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let mut found = 0;
        for route in text.split("answering(").skip(1) {
            let Some((_, rest)) = route.split_once("Resource(\"") else { continue };
            let name = rest.split('"').next().unwrap();
            assert!(seen.contains(&format!("resource=\"{name}\"")), "the resource {name} is not described");
            found += 1;
        }
        assert!(found >= 20, "{found}");
    }

    #[test]
    fn another_method_is_refused_with_those_that_the_address_takes() {
        let server = TestServer::start();
        let mut addresses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (method, path, _) in operations() {
            addresses.entry(path).or_default().insert(method);
        }
        for (path, methods) in addresses {
            let reply = server.request("DELETE", &path, &[], b"");
            assert_eq!((reply.status, reply.problem().as_str()), (405, "method_not_allowed"), "{path}");
            let mut allowed: BTreeSet<String> = reply.header("allow").unwrap().split(", ").map(str::to_owned).collect();
            assert_eq!(allowed.remove("OPTIONS"), methods.contains("GET"), "{path}");
            assert_eq!(allowed, methods, "{path}");
        }
    }

    #[test]
    fn the_forms_of_pages_are_among_the_methods_of_their_addresses() {
        let server = TestServer::start();
        for (path, methods) in [
            ("/ask", "GET, HEAD, OPTIONS, POST"),
            ("/search", "GET, HEAD, OPTIONS, POST"),
            ("/verify", "GET, HEAD, OPTIONS, POST"),
            ("/ask/proof", "POST"),
            ("/docs", "GET, HEAD, OPTIONS"),
        ] {
            let reply = server.request("DELETE", path, &[], b"");
            assert_eq!((reply.status, reply.header("allow")), (405, Some(methods)), "{path}");
        }
        assert_eq!(server.get("/ask/proof").status, 405);
        // What is at no address is not there, whatever the method.
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(server.request(method, "/api/v1/manifests/foo", &[], b"").problem(), "not_found", "{method}");
        }
    }

    #[test]
    fn a_template_matches_whole_segments() {
        assert!(matches("/tile/{level}/{index}", "/tile/0/000"));
        assert!(matches("/schemas/{kind}.json", "/schemas/party.json"));
        assert!(matches("/m/{id}:complete", "/m/ab:complete"));
        for other in ["/tile/0", "/tile/0/000/1", "/schemas/.json", "/m/:complete", "/m/ab"] {
            assert!(
                !["/tile/{level}/{index}", "/schemas/{kind}.json", "/m/{id}:complete"]
                    .iter()
                    .any(|t| matches(t, other))
            );
        }
    }
}
