//! Names in JSON-LD: the same member may be written `license`, `sc:license` or `https://schema.org/license`.
//!
//! A document's `@context` says which IRI a name stands for. This module follows the part of JSON-LD 1.1 that Croissant
//! files use (prefixes, aliases, `@vocab`) and gives every name in the spelling of Croissant's own context. No context is
//! ever fetched; one that is only an address is read as if it were Croissant's.

use serde_json::{Map, Value};

/// Namespaces of Croissant's context, with the prefix that its terms keep. Terms of the first two stand bare.
/// `http` and `https` are told apart by nobody: both forms of schema.org are in use.
const NAMESPACES: [(&str, &str); 7] = [
    ("schema.org/", ""),
    // Longer before shorter: RAI lies inside Croissant's own namespace.
    ("mlcommons.org/croissant/RAI/", "rai:"),
    ("mlcommons.org/croissant/", ""),
    ("purl.org/dc/terms/conformsTo", "conformsTo"),
    ("purl.org/dc/terms/", "dct:"),
    ("www.w3.org/ns/prov#", "prov:"),
    ("www.w3.org/ns/odrl/2/", "odrl:"),
];

/// Prefixes that mean the same in every Croissant file, also where its context forgets them.
const PREFIXES: [(&str, &str); 7] = [
    ("sc", "https://schema.org/"),
    ("schema", "https://schema.org/"),
    ("cr", "http://mlcommons.org/croissant/"),
    ("rai", "http://mlcommons.org/croissant/RAI/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("prov", "http://www.w3.org/ns/prov#"),
    ("odrl", "http://www.w3.org/ns/odrl/2/"),
];

/// The names of a document.
pub(crate) struct Names<'a> {
    terms: Option<&'a Map<String, Value>>,
}

impl<'a> Names<'a> {
    /// The names as the document's `@context` has them.
    pub(crate) fn of(document: &'a Value) -> Self {
        let context = document.get("@context");
        let terms = match context {
            Some(Value::Array(several)) => several.iter().find_map(Value::as_object),
            context => context.and_then(Value::as_object),
        };
        Self { terms }
    }

    /// The name in Croissant's own spelling; one that is of no known vocabulary stays as it is.
    pub(crate) fn standard(&self, name: &str) -> String {
        if name.starts_with('@') {
            return name.to_owned();
        }
        let iri = self.expand(name, 0);
        let Some(bare) = iri.strip_prefix("https://").or_else(|| iri.strip_prefix("http://")) else {
            return name.to_owned();
        };
        NAMESPACES
            .iter()
            .find_map(|(namespace, prefix)| Some(format!("{prefix}{}", bare.strip_prefix(namespace)?)))
            .filter(|standard| !standard.is_empty())
            .unwrap_or_else(|| name.to_owned())
    }

    /// The IRI of a name. A context may define names by names; eight steps are more than any has.
    fn expand(&self, name: &str, steps: usize) -> String {
        if steps < 8
            && let Some(definition) = self.definition(name).filter(|definition| *definition != name)
        {
            return self.expand(definition, steps + 1);
        }
        if let Some((prefix, rest)) = name.split_once(':') {
            let namespace = self.definition(prefix).or_else(|| known_prefix(prefix));
            return match namespace {
                Some(namespace) if !rest.starts_with("//") => format!("{namespace}{rest}"),
                _ => name.to_owned(),
            };
        }
        let vocabulary = self.definition("@vocab").unwrap_or("https://schema.org/");
        format!("{vocabulary}{name}")
    }

    fn definition(&self, name: &str) -> Option<&'a str> {
        match self.terms?.get(name)? {
            Value::String(iri) => Some(iri),
            Value::Object(definition) => definition.get("@id")?.as_str(),
            _ => None,
        }
    }

    /// The value with every member's name in Croissant's own spelling.
    pub(crate) fn standard_value(&self, value: &Value) -> Value {
        match value {
            Value::Array(elements) => elements.iter().map(|element| self.standard_value(element)).collect(),
            Value::Object(members) => {
                let members = members.iter().filter(|(name, _)| *name != "@context");
                Value::Object(members.map(|(name, value)| (self.standard(name), self.standard_value(value))).collect())
            }
            value => value.clone(),
        }
    }
}

fn known_prefix(prefix: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, namespace)| *namespace)
}

/// The text of a value: a string, a value object, the name or address of a node, or the first of a list of these.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(elements) => elements.iter().find_map(text),
        Value::Object(members) => ["@value", "name", "url", "@id"].iter().find_map(|name| members.get(*name)?.as_str()),
        _ => None,
    }
}

/// The texts of a value or of a list of values.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(elements) => elements.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

/// The elements of a list; anything else counts as a list of one.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        value => core::slice::from_ref(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_spelt_as_in_croissants_context() {
        let document = json!({"@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
            "responsible": "http://mlcommons.org/croissant/RAI/", "citeAs": "cr:citeAs", "conformsTo": "dct:conformsTo",
            "dct": "http://purl.org/dc/terms/", "lic": {"@id": "sc:license", "@type": "@id"}, "loop": "loop", "a": "b", "b": "a"}});
        let names = Names::of(&document);
        for (name, expected) in [
            ("license", "license"),
            ("sc:license", "license"),
            ("https://schema.org/license", "license"),
            ("http://schema.org/license", "license"),
            ("lic", "license"),
            ("citeAs", "citeAs"),
            ("cr:citeAs", "citeAs"),
            ("dct:conformsTo", "conformsTo"),
            ("conformsTo", "conformsTo"),
            ("dct:title", "dct:title"),
            ("responsible:dataBiases", "rai:dataBiases"),
            ("rai:dataBiases", "rai:dataBiases"),
            ("prov:wasDerivedFrom", "prov:wasDerivedFrom"),
            ("@type", "@type"),
            ("x:y", "x:y"),
            ("loop", "loop"),
            ("https://example.org/t", "https://example.org/t"),
        ] {
            assert_eq!(names.standard(name), expected, "{name}");
        }
        names.standard("a");
    }

    #[test]
    fn without_a_context_of_its_own_a_document_has_croissants() {
        for document in [json!({}), json!({"@context": "https://example.org/context.jsonld"}), json!([])] {
            assert_eq!(Names::of(&document).standard("rai:dataBiases"), "rai:dataBiases");
            assert_eq!(Names::of(&document).standard("license"), "license");
        }
    }

    #[test]
    fn texts_are_found_in_every_form() {
        assert_eq!(text(&json!({"@value": "x", "@language": "en"})), Some("x"));
        assert_eq!(texts(&json!(["a", {"@id": "b"}, 3])), ["a", "b"]);
        assert_eq!(text(&json!(3)), None);
    }
}
