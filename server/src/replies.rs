//! The memory that large responses share.
//!
//! A response is made in memory and stays there until its client has taken it. Clients who take their time would
//! otherwise decide how much memory the server needs. Whoever finds no room waits for it: reading is not refused
//! before ten seconds of that.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ledger::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::within;
use crate::problem::Problem;

/// All large responses together: 400 full entry bundles of common size at once.
const ROOM: usize = 64 << 20;

/// Answers up to this length take no room: 4,096 connections with one each hold 256 MiB, as much as their heads may. So nobody
/// who takes large answers slowly keeps others from small ones.
pub(crate) const SMALL: usize = 64 << 10;

/// A client that takes nothing is dropped after ten seconds, which makes room.
const PATIENCE: Duration = Duration::from_secs(12);

/// The memory that large responses of a server share.
#[derive(Debug)]
pub struct Replies {
    room: Arc<Semaphore>,
    size: usize,
}

impl Default for Replies {
    fn default() -> Self {
        Self::new(ROOM)
    }
}

/// Room for a response that is about to be made.
#[derive(Debug)]
pub struct Reserved {
    permit: OwnedSemaphorePermit,
}

impl Replies {
    /// Room for so many bytes.
    pub fn new(size: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(size)), size }
    }

    /// Waits for room for a response of about this length. One that is larger than everything there is takes all.
    ///
    /// # Errors
    /// `overloaded` if there is none in time.
    pub async fn reserve(&self, bytes: usize) -> Result<Reserved, Problem> {
        let permits = u32::try_from(bytes.min(self.size)).unwrap_or(u32::MAX);
        let acquired = within(PATIENCE, Arc::clone(&self.room).acquire_many_owned(permits)).await;
        match acquired {
            Some(Ok(permit)) => Ok(Reserved { permit }),
            // The semaphore is never closed.
            _ => Err(Problem::new(Code::Overloaded, "too many large responses at once")),
        }
    }

    /// The same for an answer that takes none if it is small.
    ///
    /// # Errors
    /// `overloaded`, as [`Self::reserve`].
    pub async fn reserve_if_large(&self, bytes: usize) -> Result<Option<Reserved>, Problem> {
        if bytes <= SMALL { Ok(None) } else { self.reserve(bytes).await.map(Some) }
    }

    /// How many bytes are reserved.
    pub fn held(&self) -> usize {
        self.size.saturating_sub(self.room.available_permits())
    }
}

impl Reserved {
    /// The response's body, which keeps its room until it is sent. What it does not need is given back at once.
    pub fn fill(mut self, body: impl Into<Bytes>) -> Bytes {
        let body = body.into();
        let unused = self.permit.num_permits().saturating_sub(body.len());
        drop(self.permit.split(unused));
        Bytes::from_owner(Filled { body, _permit: self.permit })
    }
}

/// A body in the room that was reserved for it, if any was.
pub(crate) fn filled(reserved: Option<Reserved>, body: impl Into<Bytes>) -> Bytes {
    match reserved {
        Some(reserved) => reserved.fill(body),
        None => body.into(),
    }
}

struct Filled {
    body: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use hyper::body::Body as _;
    use hyper_util::service::TowerToHyperService;
    use ledger::ids::SubjectDigest;
    use ledger::record::kind::Kind;
    use ledger::record::statement::Subject;
    use ledger::testing as cast;
    use serde_json::json;

    use super::*;
    use crate::testing::TestServer;

    #[tokio::test(start_paused = true)]
    async fn a_response_keeps_its_room_until_it_is_gone_and_no_more_than_it_needs() {
        let replies = Replies::new(100);
        let first = replies.reserve(90).await.unwrap().fill(vec![1; 40]);
        let second = replies.reserve(60).await.unwrap().fill(vec![2; 60]);
        assert_eq!(replies.reserve(1).await.unwrap_err().code(), Code::Overloaded);
        drop(first.slice(3..));
        drop(first);
        assert!(replies.reserve(40).await.is_ok());
        drop(second);
        // More than there is room for is one response at a time, not none.
        assert_eq!(replies.reserve(1000).await.unwrap().fill(vec![0; 1000]).len(), 1000);
    }

    #[test]
    fn whatever_is_large_takes_room_until_it_is_gone_and_what_is_small_takes_none() {
        let server = TestServer::start();
        let subjects = |count: u8| (0..count).map(|n| Subject::artifact("f", SubjectDigest::from_bytes([n; 32])));
        let card = |text: usize, count: u8| {
            let members = json!({ "issuer": { "id": "lab" }, "issued": cast::ISSUED, "model_name": "x".repeat(text) });
            cast::sign(Kind::ModelCard, subjects(count).collect(), members, &[&cast::key("lab")])
        };
        let (large, small) = (card(200_000, 1), card(10, 1));
        let (large_at, small_at) = (server.sequence(large.clone()), server.sequence(small.clone()));
        for text in 0..6 {
            server.sequence(card(text, 255));
        }
        let addendum = |body: &[u8]| {
            let digest = ledger::entry::body_digest(body).to_hex();
            format!("/addenda/{}/{}/{digest}", &digest[..2], &digest[2..4])
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let service = TowerToHyperService::new(warp::service(crate::routes(Arc::clone(&server.app))));
        let get = |path: &str| {
            let request = hyper::Request::get(path).header("host", "x").body(String::new()).unwrap();
            let response = runtime.block_on(hyper::service::Service::call(&service, request)).unwrap();
            assert_eq!(response.status(), 200, "{path}");
            response
        };
        for path in [addendum(&large), format!("/api/v1/records/{large_at}"), "/api/v1/records?limit=500".to_owned()] {
            let response = get(&path);
            let length = usize::try_from(response.body().size_hint().exact().unwrap()).unwrap();
            assert!(length > SMALL && server.app.replies.held() == length, "{path}: {length} bytes");
            drop(response);
            assert_eq!(server.app.replies.held(), 0, "{path}");
        }
        for path in [addendum(&small), format!("/api/v1/records/{small_at}")] {
            let _response = get(&path);
            assert_eq!(server.app.replies.held(), 0, "{path}");
        }
    }
}
