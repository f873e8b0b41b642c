//! A way to a server on which requests and bytes are counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::way::{Watcher, way_to};

/// Every line of a request that names the protocol is the first of one.
const FIRST_LINE_END: &[u8] = b" HTTP/1.1\r\n";

/// A port that passes everything on to a server. It lives as long as the process.
#[derive(Debug, Clone)]
pub struct Counted {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    /// A way to the server at `http://<address>`.
    ///
    /// # Panics
    /// If the address is none, or no port is free.
    pub fn way_to(url: &str) -> Self {
        let (requests, bytes) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let counted = (Arc::clone(&requests), Arc::clone(&bytes));
        let address = way_to(url, move || [there(Arc::clone(&counted.0)), back(Arc::clone(&counted.1))]);
        Self { address, requests, bytes }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests went there, and how many bytes came back with heads and all, since this was asked last.
    pub fn take(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::SeqCst), self.bytes.swap(0, Ordering::SeqCst))
    }
}

fn there(requests: Arc<AtomicU64>) -> Watcher {
    let mut seen: Vec<u8> = Vec::new();
    Box::new(move |piece| {
        seen.extend_from_slice(piece);
        let found = seen.windows(FIRST_LINE_END.len()).filter(|window| *window == FIRST_LINE_END).count();
        requests.fetch_add(found as u64, Ordering::SeqCst);
        // What may be the beginning of one more is kept.
        seen.drain(..seen.len().saturating_sub(FIRST_LINE_END.len() - 1));
        true
    })
}

fn back(bytes: Arc<AtomicU64>) -> Watcher {
    Box::new(move |piece| {
        bytes.fetch_add(piece.len() as u64, Ordering::SeqCst);
        true
    })
}
