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
}

impl Reserved {
    /// The response's body, which keeps its room until it is sent. What it does not need is given back at once.
    pub fn fill(mut self, body: Vec<u8>) -> Bytes {
        let unused = self.permit.num_permits().saturating_sub(body.len());
        drop(self.permit.split(unused));
        Bytes::from_owner(Filled { body, _permit: self.permit })
    }
}

struct Filled {
    body: Vec<u8>,
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
    use super::*;

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
}
