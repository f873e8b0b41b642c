//! The connections that are open: who gets in, who makes room, and what the others are told.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ledger::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::activity::Activity;
use crate::connection::{self, Shared};
use crate::metrics::Metrics;

/// Connections that are being told that there is no room. More are closed without a word.
const MAX_REFUSALS: usize = 64;

/// How long a refused client has to take the refusal.
const REFUSAL: Duration = Duration::from_secs(1);

/// The connections that are open.
#[derive(Default)]
pub(crate) struct Open {
    /// One task a connection; to be joined as they end.
    pub(crate) tasks: JoinSet<()>,
    connections: Arc<Mutex<HashMap<u64, Arc<Activity>>>>,
    refusals: Arc<()>,
    next: u64,
    metrics: Arc<Metrics>,
}

impl Open {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        Self { metrics: Arc::clone(metrics), ..Self::default() }
    }

    /// Whether there is room for one more, possibly because somebody was asked to make it.
    pub(crate) fn has_room(&self, max: usize) -> bool {
        let open = self.connections.lock().unwrap_or_else(PoisonError::into_inner).len();
        open < max || self.evict_one(Instant::now())
    }

    /// Drops the connection that has waited longest without a request in progress.
    pub(crate) fn evict_one(&self, now: Instant) -> bool {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = connections
            .iter()
            .filter_map(|(id, activity)| activity.evictable_since(now).map(|since| (since, *id)))
            .min();
        // Taken out at once, so that it is not asked twice; its task ends by itself.
        let evicted = longest.and_then(|(_, id)| connections.remove(&id));
        evicted.inspect(|activity| activity.evict.notify_one()).is_some()
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn admit(
        &mut self,
        shared: &Arc<Shared>,
        socket: TcpStream,
        address: SocketAddr,
        draining: watch::Receiver<bool>,
    ) {
        let id = self.next;
        self.next += 1;
        let activity = Activity::new(Instant::now());
        let entry = Entry { id, connections: Arc::clone(&self.connections), metrics: Arc::clone(&self.metrics) };
        entry.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&activity));
        self.metrics.connection_opened();
        let serving = connection::serve(Arc::clone(shared), socket, address, activity, draining);
        self.tasks.spawn(async move {
            let _entry = entry;
            serving.await;
        });
    }

    /// Says 503 to a client for whom there is no room.
    pub(crate) fn refuse(&mut self, mut socket: TcpStream) {
        self.metrics.event("colophon_http_refused_total", "full");
        if Arc::strong_count(&self.refusals) > MAX_REFUSALS {
            return;
        }
        let refusal = Arc::clone(&self.refusals);
        self.tasks.spawn(async move {
            let _refusal = refusal;
            let say = async {
                socket.write_all(full().as_bytes()).await?;
                socket.shutdown().await?;
                // A socket closed with unread bytes in it would take the refusal away from the client.
                let mut ignored = [0; 4096];
                while socket.read(&mut ignored).await? > 0 {}
                io::Result::Ok(())
            };
            let _ = tokio::time::timeout(REFUSAL, say).await;
        });
    }
}

/// A connection's place in the list of those that are open; given back when it ends, however it ends.
struct Entry {
    id: u64,
    connections: Arc<Mutex<HashMap<u64, Arc<Activity>>>>,
    metrics: Arc<Metrics>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.metrics.connection_closed();
    }
}

/// The whole response to a client for whom there is no room.
fn full() -> String {
    let problem = crate::problem::Problem::new(Code::Overloaded, "too many connections").to_json().to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         retry-after: {}\r\naccess-control-allow-origin: *\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{problem}",
        crate::limits::soon(),
        problem.len(),
    )
}
