//! The host of a URL, in the form that c1 gives it, also by itself: what kind `host` asks for.

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use crate::manifest::normal::{nfc, nfkc_casefold};
use crate::manifest::url::{CanonicalUrl, UrlRefused, decode, punycode};

/// A host in the form of [`CanonicalUrl`]: lower case, punycode, without `www.` and without a port.
///
/// ```
/// use ledger::manifest::Host;
/// let host: Host = "WWW.B\u{fc}cher.Example.".parse()?;
/// assert_eq!(host.as_str(), "xn--bcher-kva.example");
/// assert_eq!("https://www.example.org:8443/a?b".parse::<Host>()?.as_str(), "example.org");
/// # Ok::<(), ledger::manifest::UrlRefused>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// The host.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of_canonical(host: &str) -> Self {
        Self(host.to_owned())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = UrlRefused;

    /// Reads a host, or a URL for its host.
    fn from_str(text: &str) -> Result<Self, UrlRefused> {
        if text.contains("://") {
            return text.parse::<CanonicalUrl>().map(|url| url.to_host());
        }
        canonical_host(text.trim_matches(|c: char| c <= ' ')).map(Self)
    }
}

pub(super) fn canonical_host(host: &str) -> Result<String, UrlRefused> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']').and_then(|a| a.parse().ok()).ok_or(UrlRefused::Host)?;
        return Ok(format!("[{address}]"));
    }
    let host = map_host(&decode(host).ok_or(UrlRefused::Host)?);
    let labels: Vec<String> = host
        .strip_suffix('.')
        .unwrap_or(&host)
        .split('.')
        .map(|label| match label.is_ascii() {
            true => Some(label.to_owned()),
            false => punycode::encode(label).map(|code| format!("xn--{code}")),
        })
        .collect::<Option<_>>()
        .ok_or(UrlRefused::Host)?;
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if labels.iter().any(|label| label.is_empty() || label.len() > 63 || !label.bytes().all(fine)) {
        return Err(UrlRefused::Host);
    }
    let mut labels = labels.as_slice();
    while let [first, rest @ ..] = labels
        && first == "www"
        && rest.len() > 1
    {
        labels = rest;
    }
    let host = labels.join(".");
    // RFC 1035: a name is at most 255 octets on the wire, which leaves 253 characters.
    if host.len() > 253 { Err(UrlRefused::Host) } else { Ok(host) }
}

/// The mapping of a host before punycode. The four characters that are valid in names today although case folding
/// would change them stay as they are (UTS 46, non-transitional).
fn map_host(host: &str) -> String {
    let kept = |c: char| matches!(c, 'ß' | 'ς' | '\u{200c}' | '\u{200d}');
    let host = host.replace('ẞ', "ß");
    let mut mapped = String::with_capacity(host.len());
    let mut rest = host.as_str();
    while let Some(at) = rest.find(kept) {
        mapped.push_str(&nfkc_casefold(&rest[..at]));
        let next = at + rest[at..].chars().next().map_or(0, char::len_utf8);
        mapped.push_str(&rest[at..next]);
        rest = &rest[next..];
    }
    mapped.push_str(&nfkc_casefold(rest));
    nfc(&mapped).replace('\u{3002}', ".")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_host_is_what_its_url_says() {
        for host in
            ["example.org", "WWW.Example.ORG.", "b\u{fc}cher.example", "[2001:DB8::1]", "192.0.2.7", "a_b.example"]
        {
            let url: CanonicalUrl = format!("https://{host}/x").parse().unwrap();
            assert_eq!(host.parse::<Host>().unwrap(), url.to_host(), "{host}");
            assert_eq!(url.host(), url.to_host().as_str());
        }
        for wrong in
            ["", "a b", "example.org:80", "a..b", "user@example.org", "example.org/", "[::1", "ftp://example.org"]
        {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
        let account = "https://en.wikipedia.org/wiki/User:Somebody".parse::<Host>();
        assert_eq!(account, Err(UrlRefused::Account));
    }
}
