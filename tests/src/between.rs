//! A server between a client and a log, that changes answers when it is told to.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The first line's code and reason, such as `200 OK`.
    pub status: String,
    /// All after the head.
    pub body: Vec<u8>,
}

/// A server that passes everything on; once it lies, answers pass through a function first.
#[derive(Debug)]
pub struct Between {
    /// Its address.
    pub url: String,
    lying: Arc<AtomicBool>,
}

impl Between {
    /// Starts one, honest at first. `lie` is given each request's path.
    ///
    /// # Panics
    /// If there is no port.
    pub fn new(url: &str, lie: fn(&str, &mut Answer)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let between = Self { url: format!("http://{}", listener.local_addr().unwrap()), lying: Arc::default() };
        let (to, lying) = (url.to_owned(), Arc::clone(&between.lying));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let Some(path) = head.split(' ').nth(1) else { continue };
                let mut answer = request(&to, path);
                if lying.load(Ordering::SeqCst) {
                    lie(path, &mut answer);
                }
                let Answer { status, body } = answer;
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                // The client may have gone.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        between
    }

    /// From now on it lies.
    pub fn lie(&self) {
        self.lying.store(true, Ordering::SeqCst);
    }
}

/// Gets one address.
///
/// # Panics
/// If the server does not answer in HTTP.
#[track_caller]
pub fn request(url: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.lines().next().and_then(|line| line.split_once(' ')).unwrap().1.to_owned();
    Answer { status, body: answer.split_off(end + 4) }
}
