//! HTTP/2 by hand, as much of it as tests need (RFC 9113).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::testing::TestServer;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;

/// A frame of HTTP/2 (RFC 9113, section 4.1) on stream 1, or on the connection for settings.
pub(super) fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let stream = u8::from(kind != SETTINGS);
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

pub(super) fn next_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], payload))
}

pub(super) fn preface(stream: &mut TcpStream) {
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, b"")).unwrap();
}

/// Asks on stream 1 with this block of headers, and reads the first block that is answered.
pub(super) fn asked_over_http_2(server: &TestServer, block: &[u8]) -> Vec<u8> {
    let mut stream = server.connect();
    preface(&mut stream);
    stream.write_all(&frame(HEADERS, 0x05, block)).unwrap();
    loop {
        if let (HEADERS, block) = next_frame(&mut stream).expect("the server answers") {
            return block;
        }
    }
}
