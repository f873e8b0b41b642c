//! What stands around every page: its title, where in the site it is, and which checkpoint it was made under.

use ledger::ids::TreeSize;

use super::moment::Moment;
use super::parts::{Hash, thousands};
use super::said::Said;

/// The frame of a page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The title, without markup.
    pub title: String,
    /// Which part of the site: `home`, `ask`, `verify`, `docs` or none of them.
    pub part: &'static str,
    /// The checkpoint that the page was made under, once there is one.
    pub head: Option<Head>,
    /// Whether there is more about the page's thing than was read or is shown, so that its silence says nothing.
    pub partial: bool,
}

impl Shell {
    /// The frame of the page with this title.
    pub fn new(title: impl Into<String>, part: &'static str, head: Option<Head>) -> Self {
        Self { title: title.into(), part, head, partial: false }
    }

    /// ` aria-current="page"` for the part that the reader is in.
    pub fn current(&self, part: &str) -> bool {
        self.part == part
    }
}

/// The checkpoint that a page was made under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log's name.
    pub origin: String,
    /// How many entries it covers.
    pub size: TreeSize,
    /// The root over them.
    pub root: Hash,
    /// Who cosigned it, each with the time that it gives, newest first.
    pub cosigned: Vec<(Said, Moment)>,
    /// When the last entry was taken in, if there is one.
    pub last: Option<Moment>,
}

impl Head {
    /// How many entries, with separators.
    pub fn entries(&self) -> String {
        thousands(self.size.0)
    }

    /// The newest cosignature: nothing else in a checkpoint holds a time.
    pub fn newest(&self) -> Option<&Moment> {
        self.cosigned.first().map(|(_, at)| at)
    }
}

/// Where the reader reached this server, for commands that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Scheme and authority, and a path if there is one, without a slash at the end.
    pub base: String,
}

impl Site {
    /// The site at its public address or, without one, at the address that the request names.
    pub fn new(public_url: Option<&str>, host: Option<&str>) -> Self {
        let plain = |host: &&str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
            !host.is_empty() && host.len() <= 255 && host.bytes().all(allowed)
        };
        let base = match (public_url, host.filter(plain)) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(host)) => format!("http://{host}"),
            (None, None) => "http://localhost".to_owned(),
        };
        Self { base }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b20_a_host_header_cannot_put_words_into_a_command() {
        let base = |host| Site::new(None, Some(host)).base;
        assert_eq!(base("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(base("[::1]:80"), "http://[::1]:80");
        for hostile in ["a b", "a;rm -rf", "x$(id)", "a/b", "", "a\"b", "a<b"] {
            assert_eq!(base(hostile), "http://localhost", "{hostile}");
        }
        assert_eq!(Site::new(Some("https://log.example.org/"), Some("evil")).base, "https://log.example.org");
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::super::seen::fixture::NOW;
    use super::*;
    use ledger::ids::UnixMillis;

    pub(crate) fn head() -> Head {
        let at = |minutes: u64| Moment::new(UnixMillis(NOW.0 - minutes * 60_000), NOW);
        Head {
            origin: "log.example.org/2026".to_owned(),
            size: TreeSize(1_322),
            root: Hash::new("Rcqf0sV2nIpXYoUfNd0GBsxYq0sgEZ0+8o3XN6fX1mE="),
            cosigned: vec![
                (Said::whole("log.example.org/2026/clock"), at(3)),
                (Said::whole("witness.example.net/w1"), at(4)),
            ],
            last: Some(at(4)),
        }
    }
}
