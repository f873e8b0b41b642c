//! A way to a server on which one message can be made to stand still, so that a client dies at a moment of the test's choice.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::way::{Watcher, way_to};

/// A port that passes everything on to a server, until it is told to hold something. It lives as long as the process.
#[derive(Debug)]
pub struct Gate {
    /// Its address, without a slash at the end.
    pub url: String,
    held: Arc<Mutex<Option<Held>>>,
}

/// The next message to hold: a request or an answer by how it begins, and who wants to know that it came.
#[derive(Debug)]
struct Held {
    beginning: &'static str,
    came: Sender<()>,
}

impl Gate {
    /// A way to the server at `http://<address>`, open at first.
    ///
    /// # Panics
    /// If the address is none, or no port is free.
    pub fn before(url: &str) -> Self {
        let held = Arc::<Mutex<Option<Held>>>::default();
        let watched = Arc::clone(&held);
        let address = way_to(url, move || [watcher(Arc::clone(&watched)), watcher(Arc::clone(&watched))]);
        Self { url: format!("http://{address}"), held }
    }

    /// Holds the next message, of either side, that begins like this, and says when it has come. It never arrives; all
    /// others pass.
    pub fn hold(&self, beginning: &'static str) -> Receiver<()> {
        let (came, comes) = channel();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Held { beginning, came });
        comes
    }
}

fn watcher(held: Arc<Mutex<Option<Held>>>) -> Watcher {
    Box::new(move |piece| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Held { came, .. }) = held.take_if(|held| piece.starts_with(held.beginning.as_bytes())) else {
            return true;
        };
        drop(held);
        let _ = came.send(());
        // A connection that were closed here would make the client try again.
        loop {
            std::thread::park();
        }
    })
}
