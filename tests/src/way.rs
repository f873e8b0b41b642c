//! A port that passes everything on to a server, and shows what passes to whoever made it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

/// Looks at a piece of what one side sends; says whether it may pass.
pub(crate) type Watcher = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// A way to the server at `http://<address>`. For each connection `watchers` makes one of what goes there and one of what
/// comes back. It lives as long as the process.
///
/// # Panics
/// If the address is none, or no port is free.
pub(crate) fn way_to(url: &str, watchers: impl Fn() -> [Watcher; 2] + Send + 'static) -> SocketAddr {
    let server: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(server) else { return };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let [there, back] = watchers();
            std::thread::spawn(move || pass(from, to, there));
            std::thread::spawn(move || pass(server, client, back));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut may_pass: Watcher) {
    let mut buffer = [0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        if !may_pass(&buffer[..len]) || to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
