//! What a form sends: `application/x-www-form-urlencoded`, or `multipart/form-data` where it may hold a file.
//!
//! The body is in memory already and within its limit. Names are given once; a file is a field like any other, its name
//! is not looked at.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::problem::Problem;
use crate::query::decode;

/// More fields than any form here has.
const MAX_FIELDS: usize = 16;

/// The fields of a form, each of any bytes.
#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, Bytes>);

impl Form {
    /// Reads a body by its content type.
    ///
    /// # Errors
    /// `bad_request` for any other type, and for a body that is not of its type.
    pub(super) fn parse(content_type: Option<&str>, body: &Bytes) -> Result<Self, Problem> {
        let (essence, parameters) =
            content_type.unwrap_or_default().split_once(';').unwrap_or((content_type.unwrap_or_default(), ""));
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Self::urlencoded(body),
            "multipart/form-data" => Self::multipart(boundary(parameters)?, body),
            _ => Err(broken("its Content-Type is not one that an HTML form has")),
        }
    }

    /// The text of a field, with surrounding white space taken off; `None` if nothing is left.
    ///
    /// # Errors
    /// `bad_request` if it is not UTF-8.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let Some(bytes) = self.0.get(name) else { return Ok(None) };
        let text = str::from_utf8(bytes).map_err(|_| Problem::bad_request(name, "the text is not UTF-8"))?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// The bytes of a field; `None` if it is empty.
    pub(super) fn bytes(&self, name: &str) -> Option<&Bytes> {
        self.0.get(name).filter(|bytes| !bytes.is_empty())
    }

    fn urlencoded(body: &Bytes) -> Result<Self, Problem> {
        let text = str::from_utf8(body).map_err(|_| broken("it is not ASCII"))?;
        let mut form = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name, true), decode(value, true)) else {
                return Err(broken("a field is not percent-encoded UTF-8"));
            };
            form.add(name, value.into())?;
        }
        Ok(form)
    }

    /// RFC 7578: parts between lines of `--boundary`, each with headers, an empty line and its bytes.
    fn multipart(boundary: &str, body: &Bytes) -> Result<Self, Problem> {
        let delimiter = format!("\r\n--{boundary}");
        // The first delimiter may stand at the very beginning.
        let first = &delimiter[2..];
        let mut at = match body.starts_with(first.as_bytes()) {
            true => first.len(),
            false => {
                find(body, delimiter.as_bytes()).ok_or_else(|| broken("the boundary is not in it"))? + delimiter.len()
            }
        };
        let mut form = Self::default();
        loop {
            let rest = body.get(at..).unwrap_or_default();
            if rest.starts_with(b"--") {
                return Ok(form);
            }
            let line = find(rest, b"\r\n").ok_or_else(|| broken("it ends in the middle of a part"))?;
            let headers = at + line + 2;
            // A part without headers begins with the empty line.
            let head =
                find(&body[headers - 2..], b"\r\n\r\n").ok_or_else(|| broken("a part has no end of its headers"))?;
            let start = headers - 2 + head + 4;
            let length = find(&body[start..], delimiter.as_bytes()).ok_or_else(|| broken("a part has no end"))?;
            let name = field_name(&body[headers - 2..start]).ok_or_else(|| broken("a part has no name"))?;
            form.add(name, body.slice(start..start + length))?;
            at = start + length + delimiter.len();
        }
    }

    fn add(&mut self, name: String, value: Bytes) -> Result<(), Problem> {
        if self.0.len() == MAX_FIELDS || self.0.contains_key(&name) {
            return Err(broken("it has too many fields, or one of them twice"));
        }
        self.0.insert(name, value);
        Ok(())
    }
}

/// The boundary that the content type names: 1 to 70 characters (RFC 2046).
fn boundary(parameters: &str) -> Result<&str, Problem> {
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    boundary.filter(|boundary| (1..=70).contains(&boundary.len())).ok_or_else(|| broken("it has no boundary"))
}

/// The `name` of `content-disposition: form-data; name="bundle"; filename="x"`.
fn field_name(headers: &[u8]) -> Option<String> {
    let headers = str::from_utf8(headers).ok()?;
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let name = disposition.split(';').find_map(|part| part.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

fn broken(detail: &str) -> Problem {
    Problem::bad_request("form", detail)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const URLENCODED: &str = "application/x-www-form-urlencoded";

    fn parse(content_type: &str, body: &[u8]) -> Result<Form, Problem> {
        Form::parse(Some(content_type), &Bytes::copy_from_slice(body))
    }

    #[test]
    fn u08_a_form_is_read_as_a_browser_sends_it() {
        let form = parse(URLENCODED, b"text=caf%C3%A9+au+lait&url=&wiki=simplewiki").unwrap();
        assert_eq!(form.text("text").unwrap(), Some("café au lait"));
        assert_eq!(form.text("url").unwrap(), None);
        assert_eq!(form.text("title").unwrap(), None);
    }

    #[test]
    fn u08_a_file_is_read_as_curl_and_browsers_send_it() {
        let body = b"--XyZ\r\nContent-Disposition: form-data; name=\"bundle\"; filename=\"a.json\"\r\nContent-Type: application/json\r\n\r\n{\"a\":\r\n1}\r\n--XyZ\r\ncontent-disposition: form-data; name=\"pasted\"\r\n\r\n\r\n--XyZ--\r\n";
        let form = parse("multipart/form-data; boundary=XyZ", body).unwrap();
        assert_eq!(form.bytes("bundle").unwrap(), "{\"a\":\r\n1}");
        assert_eq!(form.bytes("pasted"), None);
        let quoted = parse("Multipart/Form-Data; charset=utf-8; boundary=\"XyZ\"", body).unwrap();
        assert!(quoted.bytes("bundle").is_some());
    }

    #[test]
    fn b02_a_broken_form_is_refused_and_never_panics() {
        let whole = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n";
        for end in 0..whole.len() - 4 {
            assert!(parse("multipart/form-data; boundary=b", &whole[..end]).is_err(), "{end}");
        }
        assert_eq!(parse("multipart/form-data; boundary=b", whole).unwrap().bytes("a").unwrap(), "x");
        for (kind, body) in [
            ("multipart/form-data", &whole[..]),
            ("multipart/form-data; boundary=", whole),
            ("multipart/form-data; boundary=c", whole),
            ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--"),
            (URLENCODED, b"a=%zz"),
            (URLENCODED, b"a=%ff"),
            (URLENCODED, b"a=1&a=2"),
            (URLENCODED, b"\xff"),
            ("application/json", b"{}"),
            ("", b"a=1"),
        ] {
            assert!(parse(kind, body).is_err(), "{kind} {body:?}");
        }
    }
}
