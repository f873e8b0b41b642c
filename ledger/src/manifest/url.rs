//! Canonical URL c1: the text under which a web page is asked for.
//!
//! ```text
//! http://user:pw@WWW.Example.org:80/a/./b/../c%7e?q=%c3%a4#top   ->   example.org/a/c~?q=%C3%A4
//!
//! scheme     http or https, left out: a page that moved to https is the same page
//! account    left out
//! host       percent-decoded; NFKC_Casefold, but ß, ς and the joiners stay; NFC; each other label in punycode;
//!            a final dot and every leading "www." before two more labels left out
//! port       left out if it is the scheme's own
//! path       `\` is `/`; percent-encoding as below; dot segments resolved; at least `/`
//! query      percent-encoding as below, order kept; left out if empty
//! fragment   left out
//! ```
//!
//! Percent-encoding: letters, digits and `-._~!'()*,:@` stand for themselves; other delimiters stay as they were
//! written; a percent sign that begins no code is `%25`; everything else is encoded, in upper-case hexadecimal.
//!
//! A URL that names a wiki's account (its user pages, its special pages) has no canonical form at all: there is no key
//! that it could be asked by. This parser reads what is asked; nothing here ever opens a URL. DESIGN §7.

use core::fmt;
use core::str::FromStr;

use crate::manifest::mediawiki::is_account_title;

mod host;
mod punycode;

pub use host::Host;
use host::canonical_host;

/// The longest canonical URL in bytes: what servers and crawlers commonly accept as a request line.
pub const MAX_URL: usize = 8 * 1024;

/// A URL in canonical form c1.
///
/// ```
/// use ledger::manifest::CanonicalUrl;
/// let url: CanonicalUrl = "HTTPS://www.Example.org/a/../b?x=1#y".parse()?;
/// assert_eq!(url.as_str(), "example.org/b?x=1");
/// # Ok::<(), ledger::manifest::UrlRefused>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalUrl {
    text: String,
    host: usize,
}

/// Why a text has no canonical URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// It does not begin with `http://` or `https://`.
    #[error("it does not begin with http:// or https://")]
    Scheme,
    /// The host is missing or has a character that no host has.
    #[error("its host is not a host")]
    Host,
    /// The port is not a number below 65,536.
    #[error("its port is not a port")]
    Port,
    /// The canonical form is longer than [`MAX_URL`].
    #[error("it is longer than {MAX_URL} bytes")]
    TooLong,
    /// It names an account of a wiki.
    #[error("it names an account, and accounts are never keyed")]
    Account,
}

impl CanonicalUrl {
    /// The canonical form: host, port if it is not the scheme's own, path, query.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether canonical addresses may begin so: a text that is one, whole or cut off anywhere behind its host.
    pub fn begins_so(text: &str) -> bool {
        let whole = |text: &str| Self::read(&format!("https://{text}")).is_ok_and(|url| url.text == text);
        // What is cut off may end in half a percent code.
        let kept = text.char_indices().rev().take(3).find(|(_, c)| *c == '%').map_or(text, |(at, _)| &text[..at]);
        let host_only = |text: &str| !text.contains('/') && whole(&format!("{text}/"));
        whole(text) || whole(kept) || host_only(text)
    }

    /// The host, without `www.`.
    pub fn host(&self) -> &str {
        &self.text[..self.host]
    }

    /// The host by itself.
    pub fn to_host(&self) -> Host {
        Host::of_canonical(self.host())
    }

    /// The path, percent-decoded; `None` if that is not UTF-8.
    pub fn decoded_path(&self) -> Option<String> {
        decode(self.path_and_query().split('?').next().unwrap_or_default())
    }

    /// The first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.path_and_query().split_once('?')?;
        let (_, value) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name)?;
        decode(&value.replace('+', " "))
    }

    fn path_and_query(&self) -> &str {
        self.text.find('/').map_or("/", |start| &self.text[start..])
    }

    /// Whether a part of the path or a value of the query is a title in an account's namespace.
    fn names_account(&self) -> bool {
        let path = self.decoded_path().unwrap_or_default();
        // A title may itself hold slashes, so every tail of the path is looked at, not only its last segment.
        let tails = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
        let query = self.path_and_query().split_once('?').map_or("", |(_, query)| query);
        let mut values =
            query.split('&').filter_map(|pair| decode(&pair.split_once('=').map_or(pair, |p| p.1).replace('+', " ")));
        tails.into_iter().any(is_account_title) || values.any(|value| is_account_title(&value))
    }
}

impl fmt::Display for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for CanonicalUrl {
    type Err = UrlRefused;

    fn from_str(text: &str) -> Result<Self, UrlRefused> {
        let url = Self::read(text)?;
        if url.names_account() { Err(UrlRefused::Account) } else { Ok(url) }
    }
}

impl CanonicalUrl {
    /// The address, whatever it is of. It is in no keyspace if it names an account.
    pub(super) fn read(text: &str) -> Result<Self, UrlRefused> {
        let text: String =
            text.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        let (scheme, rest) = text.split_once(':').ok_or(UrlRefused::Scheme)?;
        let own_port = match scheme.to_ascii_lowercase().as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(UrlRefused::Scheme),
        };
        let rest = rest.replace('\\', "/");
        let rest = rest.strip_prefix("//").ok_or(UrlRefused::Scheme)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));

        let (host, port) = split_port(authority.rsplit('@').next().unwrap_or_default());
        let mut canonical = canonical_host(host)?;
        let host = canonical.len();
        match port {
            "" => {}
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                let port: u16 = digits.parse().map_err(|_| UrlRefused::Port)?;
                if port != own_port {
                    canonical.push_str(&format!(":{port}"));
                }
            }
            _ => return Err(UrlRefused::Port),
        }
        canonical.push_str(&without_dot_segments(&encode(path)));
        if !query.is_empty() {
            canonical.push('?');
            canonical.push_str(&encode(query));
        }
        if canonical.len() > MAX_URL {
            return Err(UrlRefused::TooLong);
        }
        Ok(Self { text: canonical, host })
    }
}

fn split_port(authority: &str) -> (&str, &str) {
    let after_address = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[after_address..].rfind(':') {
        Some(colon) => (&authority[..after_address + colon], &authority[after_address + colon + 1..]),
        None => (authority, ""),
    }
}

/// What stands for itself although it may be written as a percent code.
fn is_literal(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!'()*,:@".contains(&b)
}

fn encode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (byte, written) = match percent_code(&bytes[at..]) {
            Some(byte) => (byte, 3),
            None => (bytes[at], 1),
        };
        let delimiter = written == 1 && b"/?;=&+$[]".contains(&byte);
        if is_literal(byte) || delimiter {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        at += written;
    }
    out
}

fn percent_code(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let nibble = |b: &u8| char::from(*b).to_digit(16);
    Some((nibble(high)? * 16 + nibble(low)?) as u8)
}

fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = percent_code(&bytes[at..]);
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).ok()
}

/// RFC 3986, section 5.2.4, on an encoded path; the result begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => {
                kept.push(other);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refused() {
        use UrlRefused::{Account, Host, Port, Scheme, TooLong};
        let long = format!("https://example.org/{}", "a".repeat(MAX_URL));
        for (text, why) in [
            ("example.org", Scheme),
            ("ftp://example.org/", Scheme),
            ("https:example.org", Scheme),
            ("https:///path", Host),
            ("https://a b/", Host),
            ("https://a..b/", Host),
            ("https://exa%00mple.org/", Host),
            ("https://[::1/", Host),
            ("https://example.org:port/", Port),
            ("https://example.org:65536/", Port),
            (&long, TooLong),
            ("https://en.wikipedia.org/wiki/User:Somebody", Account),
            ("https://en.wikipedia.org/wiki/user_talk:Somebody/Archive", Account),
            ("https://en.wikipedia.org/wiki/User%3ASomebody", Account),
            ("https://en.wikipedia.org/w/index.php?title=User_talk%3aSomebody&oldid=1", Account),
            ("https://en.wikipedia.org/wiki/Special:Contributions/192.0.2.7", Account),
            ("https://de.wikipedia.org/wiki/Benutzerin_Diskussion:Somebody", Account),
            ("https://ru.wikipedia.org/wiki/%D0%A3%D1%87%D0%B0%D1%81%D1%82%D0%BD%D0%B8%D0%BA:X", Account),
            ("https://wiki.example.org/index.php/User:Somebody", Account),
            ("https://wiki.example.org/?Benutzer:Somebody", Account),
        ] {
            assert_eq!(text.parse::<CanonicalUrl>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn parameters_and_path_are_decoded() {
        let url: CanonicalUrl = "https://en.wikipedia.org/w/index.php?title=A_b%C3%A9+c&oldid=12".parse().unwrap();
        assert_eq!(url.host(), "en.wikipedia.org");
        assert_eq!(url.decoded_path().as_deref(), Some("/w/index.php"));
        assert_eq!(url.parameter("title").as_deref(), Some("A_bé c"));
        assert_eq!(url.parameter("oldid").as_deref(), Some("12"));
        assert_eq!(url.parameter("curid"), None);
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(host in "[a-zA-Z0-9üßς]{1,8}(\\.[a-z]{1,5}){1,3}", rest in "\\PC{0,40}") {
            if let Ok(once) = format!("https://{host}/{rest}").parse::<CanonicalUrl>() {
                let twice = format!("https://{once}").parse::<CanonicalUrl>().unwrap();
                prop_assert_eq!(once.as_str(), twice.as_str());
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = text.parse::<CanonicalUrl>();
            let _ = format!("http://{text}").parse::<CanonicalUrl>();
        }
    }
}
