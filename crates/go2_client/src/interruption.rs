//! Signals that end or suspend a process unless it answers them. A program that moves a robot answers each by a stop.

use std::io;

use futures::stream::{SelectAll, StreamExt as _};
use rustix::process::{getpid, kill_process, Signal};
use tokio::signal::unix::{signal, SignalKind};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// To end; the signal's number.
    End(i32),
    /// To be suspended until SIGCONT; the signal's number.
    Suspend(i32),
}

/// All signals whose default ends a process, as far as they can be answered: SIGKILL cannot, and after SIGABRT, SIGBUS, SIGFPE,
/// SIGILL, SIGSEGV, SIGSYS and SIGTRAP there may be no program left that could. Rust's runtime ignores SIGPIPE.
const END: [(i32, &str); 14] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (10, "SIGUSR1"),
    (12, "SIGUSR2"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (16, "SIGSTKFLT"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
];
/// Signals that suspend a process by default. SIGSTOP cannot be answered.
const SUSPEND: [(i32, &str); 3] = [(20, "SIGTSTP"), (21, "SIGTTIN"), (22, "SIGTTOU")];
/// Real-time signals, which end a process by default; glibc keeps the first two for itself.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

impl Interruption {
    /// The signal's name.
    pub fn name(self) -> String {
        let (Self::End(number) | Self::Suspend(number)) = self;
        let known = END.iter().chain(&SUSPEND).find(|(known, _)| *known == number);
        known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
    }

    /// The exit status of a program that ends by it in order: 0 where somebody has ended it as programs are ended, otherwise
    /// 128 and the signal's number, as shells have it.
    pub fn status(self) -> u8 {
        match self {
            Self::End(1 | 2 | 15) | Self::Suspend(_) => 0,
            Self::End(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }
}

/// Waits for a signal that would end the process (SIGINT, SIGTERM, SIGHUP, ...) or suspend it (Ctrl-Z), which would leave a robot
/// walking; its name. From the first call on these signals have no other effect.
///
/// # Errors
/// Where the system does not take a handler.
pub async fn interrupted() -> io::Result<String> {
    Ok(Interruptions::listen()?.next().await.name())
}

/// The signals that come from now on. None of them has its default effect any more, for as long as the process lives.
pub struct Interruptions(SelectAll<futures::stream::BoxStream<'static, Interruption>>);

impl Interruptions {
    /// Begins to listen to them, on the current runtime.
    ///
    /// # Errors
    /// Where the system does not take a handler.
    pub fn listen() -> io::Result<Self> {
        let ends = END.iter().map(|(number, _)| *number).chain(REAL_TIME).map(Interruption::End);
        let suspends = SUSPEND.iter().map(|(number, _)| Interruption::Suspend(*number));
        let mut streams = SelectAll::new();
        for interruption in ends.chain(suspends) {
            let (Interruption::End(number) | Interruption::Suspend(number)) = interruption;
            match signal(SignalKind::from_raw(number)) {
                Ok(mut signal) => streams.push(
                    futures::stream::poll_fn(move |context| signal.poll_recv(context))
                        .map(move |()| interruption)
                        .boxed(),
                ),
                // Some systems have fewer real-time signals.
                Err(_) if REAL_TIME.contains(&number) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(streams))
    }

    /// The next one. Signals of one kind that come before this is asked for count once.
    pub async fn next(&mut self) -> Interruption {
        match self.0.next().await {
            Some(interruption) => interruption,
            None => std::future::pending().await, // the streams have no end
        }
    }

    /// The next one that asks the process to end, for programs that move nothing: those that suspend it do so.
    pub async fn end(&mut self) -> Interruption {
        loop {
            match self.next().await {
                Interruption::Suspend(_) => suspend(),
                end @ Interruption::End(_) => return end,
            }
        }
    }
}

/// Suspends this process until SIGCONT, as the answered signal would have.
pub fn suspend() {
    // A process may always signal itself.
    let _ = kill_process(getpid(), Signal::STOP);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn each_signal_that_ends_a_process_is_told_instead() {
        let mut interruptions = Interruptions::listen().unwrap();
        for (number, name) in END {
            let signal = Signal::from_named_raw(number).unwrap();
            kill_process(getpid(), signal).unwrap();
            let told = tokio::time::timeout(Duration::from_secs(30), interruptions.next());
            let told = told.await.unwrap();
            assert_eq!((told, told.name().as_str()), (Interruption::End(number), name));
        }
        assert_eq!([1, 2, 3, 15, 34].map(|n| Interruption::End(n).status()), [0, 0, 131, 0, 162]);
        assert_eq!(Interruption::End(40).name(), "signal 40");
    }
}
