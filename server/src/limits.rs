//! Who may submit and ask how often: token buckets by address and by key. Reading is never limited.
//!
//! An address counts as its /32 or, for IPv6, its /56, which is what one household or one machine at a host is given.
//! A key counts only once its signature was verified, and not for what the log has of it already, which anybody can send
//! again: so nobody can use up the tokens of another.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::HeaderMap;
use ledger::Code;
use ledger::ids::KeyId;

use crate::connection::Peer;
use crate::problem::Problem;

/// So many a second, and so many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: NonZeroU32,
    /// Tokens that are there at first.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; zeroes count as one.
    pub const fn new(per_second: u32, burst: u32) -> Self {
        const fn at_least_one(n: u32) -> NonZeroU32 {
            match NonZeroU32::new(n) {
                Some(n) => n,
                None => NonZeroU32::MIN,
            }
        }
        Self { per_second: at_least_one(per_second), burst: at_least_one(burst) }
    }
}

/// How often who may do what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Records submitted from one address. The burst is a batch of 16 MiB of the smallest records, about 1 KiB each.
    pub submit_per_address: Rate,
    /// Records signed by one key.
    pub submit_per_key: Rate,
    /// Questions from one address that cost more than reading a file.
    pub query_per_address: Rate,
    /// Whether 127.0.0.0/8 and ::1 are free of limits: whoever is there could as well stop the server.
    pub loopback_is_free: bool,
    /// Proxies in front of this server: for a connection from one of them, the address is the last one of
    /// `X-Forwarded-For`. Without this, everybody behind a proxy counts as that proxy.
    pub proxies: Vec<IpAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            submit_per_address: Rate::new(500, 16_384),
            submit_per_key: Rate::new(500, 16_384),
            query_per_address: Rate::new(50, 500),
            loopback_is_free: true,
            proxies: Vec::new(),
        }
    }
}

/// Forgotten first, at the next chance, once this many are remembered: 64 bytes each make 4 MiB.
const REMEMBERED: usize = 65_536;

/// What an address counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Prefix {
    V4([u8; 4]),
    V6([u8; 7]),
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

/// Where a request comes from, for the purpose of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(Option<Prefix>);

impl Origin {
    /// Whether nothing is limited for it.
    pub const fn is_free(&self) -> bool {
        self.0.is_none()
    }
}

/// The buckets of one server.
#[derive(Debug)]
pub struct Limits {
    options: Options,
    submit_per_address: Buckets<Prefix>,
    submit_per_key: Buckets<KeyId>,
    query_per_address: Buckets<Prefix>,
}

impl Limits {
    /// Full buckets.
    pub fn new(options: Options) -> Self {
        Self {
            submit_per_address: Buckets::new(options.submit_per_address),
            submit_per_key: Buckets::new(options.submit_per_key),
            query_per_address: Buckets::new(options.query_per_address),
            options,
        }
    }

    /// Where a request comes from.
    pub fn origin(&self, peer: &Peer, headers: &HeaderMap) -> Origin {
        let address = self.address(peer.address.ip().to_canonical(), headers);
        let free = self.options.loopback_is_free && address.is_loopback();
        Origin((!free).then(|| address.into()))
    }

    /// Takes tokens for `records` submissions from an address.
    pub fn submit(&self, origin: Origin, records: usize) -> Result<(), Problem> {
        let Some(prefix) = origin.0 else { return Ok(()) };
        self.submit_per_address.take(&prefix, records, "this address")
    }

    /// Takes a token for a submission that these keys signed.
    pub fn submit_signed(&self, origin: Origin, signers: &[KeyId]) -> Result<(), Problem> {
        if origin.0.is_none() {
            return Ok(());
        }
        signers.iter().try_for_each(|key| self.submit_per_key.take(key, 1, "this key"))
    }

    /// Takes a token for a question.
    pub fn query(&self, origin: Origin) -> Result<(), Problem> {
        let Some(prefix) = origin.0 else { return Ok(()) };
        self.query_per_address.take(&prefix, 1, "this address")
    }

    /// Forgets those whose buckets are full again. To be called now and then.
    pub fn forget_the_idle(&self) {
        self.submit_per_address.forget_the_idle();
        self.submit_per_key.forget_the_idle();
        self.query_per_address.forget_the_idle();
    }

    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.options.proxies.contains(&peer) {
            return peer;
        }
        // A proxy appends the address that it saw; what stands before it was said by the client.
        let last = headers.get_all("x-forwarded-for").iter().next_back();
        let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        last.unwrap_or(peer)
    }
}

/// One bucket for each that was seen.
struct Buckets<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    burst: NonZeroU32,
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Buckets<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buckets").field("burst", &self.burst).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { limiter: RateLimiter::keyed(quota), burst: rate.burst }
    }

    fn take(&self, key: &K, tokens: usize, whose: &str) -> Result<(), Problem> {
        if self.limiter.len() > REMEMBERED {
            self.forget_the_idle();
        }
        // More than the bucket ever holds costs a full bucket.
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX).min(self.burst.get());
        let Some(tokens) = NonZeroU32::new(tokens) else { return Ok(()) };
        let Ok(Err(not_until)) = self.limiter.check_key_n(key, tokens) else { return Ok(()) };
        let wait = not_until.wait_time_from(self.limiter.clock().now());
        let problem = Problem::new(Code::RateLimited, format!("too many requests from {whose}"));
        Err(problem.retry_after(wait.as_secs() + soon()))
    }

    fn forget_the_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// One to four seconds, at random: those who were refused together should not come back together.
pub(crate) fn soon() -> u64 {
    1 + RandomState::new().build_hasher().finish() % 4
}

/// How often [`Limits::forget_the_idle`] is worth calling.
pub(crate) const FORGET_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn limits(proxies: &[&str]) -> Limits {
        Limits::new(Options {
            submit_per_address: Rate::new(1, 3),
            submit_per_key: Rate::new(1, 2),
            query_per_address: Rate::new(1, 1),
            loopback_is_free: true,
            proxies: proxies.iter().map(|p| p.parse().unwrap()).collect(),
        })
    }

    fn origin(limits: &Limits, peer: &str, forwarded: &str) -> Origin {
        let mut headers = HeaderMap::new();
        if !forwarded.is_empty() {
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        limits.origin(&Peer::from(peer.parse::<std::net::SocketAddr>().unwrap()), &headers)
    }

    #[test]
    fn a_bucket_empties_and_says_when_to_come_back() {
        let limits = limits(&[]);
        let from = origin(&limits, "192.0.2.1:5", "");
        assert!(limits.submit(from, 2).is_ok());
        assert!(limits.submit(from, 1).is_ok());
        let problem = limits.submit(from, 1).unwrap_err();
        assert_eq!(problem.code(), Code::RateLimited);
        let response = problem.into_response();
        assert_eq!(response.status(), 429);
        let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=6).contains(&seconds), "{seconds}");
        assert!(limits.submit(origin(&limits, "192.0.2.2:5", ""), 3).is_ok(), "another address has its own bucket");
        assert!(limits.query(from).is_ok() && limits.query(from).is_err());
    }

    #[test]
    fn a_batch_larger_than_the_bucket_costs_a_full_bucket() {
        let limits = limits(&[]);
        let from = origin(&limits, "192.0.2.1:5", "");
        assert!(limits.submit(from, 1_000).is_ok());
        assert!(limits.submit(from, 1).is_err());
    }

    #[test]
    fn a_household_is_one_address_and_a_mapped_address_is_its_own() {
        let limits = limits(&[]);
        let same = |a: &str, b: &str| origin(&limits, a, "") == origin(&limits, b, "");
        assert!(same("[2001:db8:0:100::1]:1", "[2001:db8:0:1ff::2]:2"));
        assert!(!same("[2001:db8:0:100::1]:1", "[2001:db8:0:200::1]:1"));
        assert!(same("[::ffff:192.0.2.1]:1", "192.0.2.1:2"));
        assert!(!same("192.0.2.1:1", "192.0.2.2:1"));
    }

    #[test]
    fn only_a_known_proxy_is_believed_and_only_its_own_word() {
        let limits = limits(&["127.0.0.1", "10.0.0.1"]);
        let direct = origin(&limits, "192.0.2.9:1", "");
        assert_eq!(origin(&limits, "127.0.0.1:1", "198.51.100.7, 192.0.2.9"), direct);
        assert_eq!(origin(&limits, "10.0.0.1:1", "192.0.2.9"), direct);
        assert_eq!(origin(&limits, "192.0.2.9:1", "127.0.0.1"), direct);
        assert_eq!(origin(&limits, "127.0.0.1:1", "what"), Origin(None));
    }

    #[test]
    fn each_key_has_its_bucket() {
        let limits = limits(&[]);
        let from = origin(&limits, "192.0.2.1:5", "");
        let (one, two) = (KeyId::from_bytes([1; 32]), KeyId::from_bytes([2; 32]));
        assert!(limits.submit_signed(from, &[one]).is_ok());
        assert!(limits.submit_signed(from, &[one, two]).is_ok());
        assert!(limits.submit_signed(from, &[one]).is_err());
        assert!(limits.submit_signed(from, &[two]).is_ok());
        assert!(limits.submit_signed(Origin(None), &[one]).is_ok(), "who is free of limits is so with every key");
    }
}
