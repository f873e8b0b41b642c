//! Reading in a thread of its own: a file is decompressed while what came out of it before is parsed.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// How much is handed over at a time, and how many of these may wait: 1 MiB in all.
const BLOCK: usize = 1 << 18;
const WAITING: usize = 4;

/// Hands out what another thread reads.
pub(super) struct ReadAhead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl ReadAhead {
    /// Begins to read. The thread ends when the source does, at its first error, or when this is dropped.
    pub(super) fn new(mut source: Box<dyn Read + Send>) -> Self {
        let (sender, blocks) = sync_channel(WAITING);
        thread::spawn(move || {
            loop {
                let mut block = vec![0; BLOCK];
                let result = fill(&mut source, &mut block);
                let end = !matches!(result, Ok(len) if len > 0);
                let sent = sender.send(result.map(|len| {
                    block.truncate(len);
                    block
                }));
                if end || sent.is_err() {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0, ended: false }
    }
}

/// Fills a block as far as it goes. What was read of a block before an error is lost with it: a source that breaks is
/// refused as a whole.
fn fill(source: &mut dyn Read, block: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < block.len() {
        match source.read(&mut block[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(len)
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() && !self.ended {
            match self.blocks.recv() {
                Ok(Ok(block)) => (self.ended, self.block, self.at) = (block.is_empty(), block, 0),
                Ok(Err(e)) => return Err(e),
                // It failed before, or it panicked: that is no end of the source.
                Err(_) => return Err(io::Error::other("the source could not be read to its end")),
            }
        }
        let len = buffer.len().min(self.block.len() - self.at);
        buffer[..len].copy_from_slice(&self.block[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    struct Failing(fn() -> io::Result<usize>);

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            (self.0)()
        }
    }

    #[test]
    fn what_was_not_read_to_its_end_never_looks_as_if_it_was() {
        let mut whole = ReadAhead::new(Box::new(io::repeat(7).take(3 * BLOCK as u64 + 5)));
        let mut bytes = Vec::new();
        assert_eq!(whole.read_to_end(&mut bytes).unwrap(), 3 * BLOCK + 5);
        assert_eq!(whole.read(&mut [0; 9]).unwrap(), 0);

        for failing in [|| Err(io::ErrorKind::UnexpectedEof.into()), || panic!("a decoder with a fault")] {
            let mut ahead = ReadAhead::new(Box::new(Failing(failing)));
            assert!(ahead.read(&mut [0; 9]).is_err());
            assert!(ahead.read(&mut [0; 9]).is_err(), "the second time as well");
        }
    }
}
