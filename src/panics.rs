//! A part of the node that fails ends it in order: the robot stops, the session ends, the exit status is not 0.

use std::panic::PanicHookInfo;

use tokio::sync::watch;

/// Tells of panics in any thread or task of this process, of whichever library.
pub(crate) struct Panics(watch::Receiver<bool>);

impl Panics {
    /// Begins to listen. The first one is logged in a sentence; what fails after it follows from it.
    pub(crate) fn listen() -> Self {
        let (any, told) = watch::channel(false);
        std::panic::set_hook(Box::new(move |panic| {
            if !any.send_replace(true) {
                tracing::error!("{}", sentence(panic));
            }
        }));
        Self(told)
    }

    /// Waits for the first one.
    pub(crate) async fn any(&mut self) {
        let _ = self.0.wait_for(|any| *any).await; // the hook is never dropped
    }
}

fn sentence(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let reason = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let reason = reason.unwrap_or("no reason is given");
    let place =
        panic.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    format!(
        "a part of this program has failed, in the thread {name}: {reason}{place}. The robot is stopped and the node ends; please \
         report this"
    )
}
