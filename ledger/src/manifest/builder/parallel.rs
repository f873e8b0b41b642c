//! Work in parallel, results in order: what is written does not depend on how many threads wrote it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Code, Error, Result};

/// How many threads a machine offers.
pub(in crate::manifest) fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Does the jobs `0..jobs` on as many threads, and hands the results to `take` one after another. No more than two
/// results a thread wait for their turn. The first failure, in the order of the jobs, ends everything.
pub(in crate::manifest) fn in_order<T: Send>(
    threads: NonZeroUsize,
    jobs: usize,
    work: &(dyn Fn(usize) -> Result<T> + Sync),
    take: &mut dyn FnMut(T) -> Result<()>,
) -> Result<()> {
    let threads = threads.get().min(jobs);
    if threads <= 1 {
        return (0..jobs).try_for_each(|job| take(work(job)?));
    }
    let shared = Shared {
        queue: Mutex::new(Queue { next: 0, taken: 0, done: BTreeMap::new(), stop: false }),
        turn: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // A panic of a job must not leave the others waiting for its result.
                let _guard = StopOnPanic(&shared);
                while let Some(job) = shared.next(jobs, threads * 2) {
                    let result = work(job);
                    shared.lock().done.insert(job, result);
                    shared.turn.notify_all();
                }
            });
        }
        let result = (0..jobs).try_for_each(|job| take(shared.wait(job)?));
        shared.stop();
        result
    })
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    turn: Condvar,
}

struct Queue<T> {
    next: usize,
    taken: usize,
    done: BTreeMap<usize, Result<T>>,
    stop: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, jobs: usize, ahead: usize) -> Option<usize> {
        let waits = |queue: &mut Queue<T>| !queue.stop && queue.next < jobs && queue.next >= queue.taken + ahead;
        let mut queue = self.turn.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if queue.stop || queue.next >= jobs {
            return None;
        }
        queue.next += 1;
        Some(queue.next - 1)
    }

    fn wait(&self, job: usize) -> Result<T> {
        let waits = |queue: &mut Queue<T>| !queue.stop && !queue.done.contains_key(&job);
        let mut queue = self.turn.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        queue.taken = job + 1;
        let result = queue.done.remove(&job);
        drop(queue);
        self.turn.notify_all();
        result.unwrap_or_else(|| Err(Error::new(Code::Internal, "a thread of the build stopped")))
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.turn.notify_all();
    }
}

struct StopOnPanic<'a, T>(&'a Shared<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_failure_ends_it() {
        for threads in [1, 2, 7] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let mut taken = Vec::new();
            in_order(threads, 100, &|job| Ok(job * 3), &mut |n| {
                taken.push(n);
                Ok(())
            })
            .unwrap();
            assert_eq!(taken, (0..100).map(|job| job * 3).collect::<Vec<_>>());

            let failing =
                |job: usize| if job % 10 == 7 { Err(Error::new(Code::Usage, job.to_string())) } else { Ok(job) };
            let mut taken = 0;
            let error = in_order(threads, 100, &failing, &mut |_| {
                taken += 1;
                Ok(())
            })
            .unwrap_err();
            assert_eq!((error.detail(), taken), ("7", 7));

            let refusing = &mut |job: usize| if job == 5 { Err(Error::new(Code::DiskFull, "")) } else { Ok(()) };
            assert_eq!(in_order(threads, 100, &Ok, refusing).unwrap_err().code(), Code::DiskFull);
            in_order(threads, 0, &Ok, &mut |_| Ok(())).unwrap();
        }
    }
}
