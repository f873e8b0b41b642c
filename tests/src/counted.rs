//! A way to a server on which requests and bytes are counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot make its fixture has failed")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
        let server: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let counted = Self { address: listener.local_addr().unwrap(), requests: Arc::default(), bytes: Arc::default() };
        let way = counted.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { return };
                let (from, to, way_there) = (client.try_clone().unwrap(), server.try_clone().unwrap(), way.clone());
                std::thread::spawn(move || way_there.there(from, to));
                let way_back = way.clone();
                std::thread::spawn(move || way_back.back(server, client));
            }
        });
        counted
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests went there, and how many bytes came back with heads and all, since this was asked last.
    pub fn take(&self) -> (u64, u64) {
        (self.requests.swap(0, Ordering::SeqCst), self.bytes.swap(0, Ordering::SeqCst))
    }

    fn there(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut seen: Vec<u8> = Vec::new();
        let mut buffer = [0; 1 << 16];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..len]);
            let found = seen.windows(FIRST_LINE_END.len()).filter(|window| *window == FIRST_LINE_END).count();
            self.requests.fetch_add(found as u64, Ordering::SeqCst);
            // What may be the beginning of one more is kept.
            seen.drain(..seen.len().saturating_sub(FIRST_LINE_END.len() - 1));
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    fn back(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 1 << 16];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            self.bytes.fetch_add(len as u64, Ordering::SeqCst);
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}
