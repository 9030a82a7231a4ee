//! Threads with a runtime of their own: what blocks on one holds up nothing on another.

use std::future::Future;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A thread that runs tasks, and nothing else. It ends when this is stopped or dropped; tasks that still run are dropped at
/// their next pause.
#[derive(Debug)]
pub struct RuntimeThread {
    name: &'static str,
    handle: Handle,
    stop: oneshot::Sender<()>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// A thread that did not end in time: one of its tasks blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the thread {0} did not end in time")]
pub struct Stuck(pub &'static str);

impl RuntimeThread {
    /// Starts a thread of this name, of which systems show 15 characters.
    ///
    /// # Errors
    /// Where the system gives no thread or no event queue.
    pub fn start(name: &'static str) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let (running, ended) = sync_channel(1);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _running = running;
            let _ = runtime.block_on(stopped); // an owner that is gone has stopped it
                                               // A look-up of a name may go on for long.
            runtime.shutdown_background();
        })?;
        Ok(Self { name, handle, stop, ended })
    }

    /// Runs a task on it.
    pub fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(task)
    }

    /// While the guard lives, `tokio::spawn` on the calling thread spawns here.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Its runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Has it end; [`Stopping::wait`] waits for that.
    pub fn stop(self) -> Stopping {
        let _ = self.stop.send(()); // fails where it has ended
        Stopping { name: self.name, ended: self.ended }
    }
}

/// A thread that was told to end.
#[derive(Debug)]
pub struct Stopping {
    name: &'static str,
    ended: Receiver<()>,
}

impl Stopping {
    /// Waits until it has ended, at most for `limit`.
    ///
    /// # Errors
    /// [`Stuck`] where it has not. It is left to itself.
    pub fn wait(self, limit: Duration) -> Result<(), Stuck> {
        match self.ended.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => Err(Stuck(self.name)),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn tasks_run_on_the_thread_and_are_dropped_with_it() {
        let thread = RuntimeThread::start("tasks").unwrap();
        let (told, name) = sync_channel(1);
        let (kept, dropped) = sync_channel::<()>(1);
        thread.spawn(async move {
            let _kept = kept;
            told.send(std::thread::current().name().map(str::to_owned)).unwrap();
            std::future::pending::<()>().await;
        });
        assert_eq!(name.recv_timeout(LONG).unwrap().as_deref(), Some("tasks"));
        assert_eq!(thread.stop().wait(LONG), Ok(()));
        assert_eq!(dropped.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn one_that_blocks_is_named_and_holds_up_nothing_else() {
        let (stuck, free) =
            (RuntimeThread::start("stuck").unwrap(), RuntimeThread::start("free").unwrap());
        let (release, blocks) = sync_channel::<()>(0);
        let (begins, begun) = sync_channel(1);
        stuck.spawn(async move {
            begins.send(()).unwrap();
            let _ = blocks.recv(); // as a send does whose socket is full
        });
        begun.recv_timeout(LONG).unwrap();
        let (told, done) = sync_channel(1);
        free.spawn(async move { told.send(()).unwrap() });
        done.recv_timeout(LONG).unwrap();
        assert_eq!(stuck.stop().wait(Duration::from_millis(20)), Err(Stuck("stuck")));
        drop(release);
        assert_eq!(free.stop().wait(LONG), Ok(()));
    }
}
