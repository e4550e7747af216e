//! Ctrl-C and its like: the first asks for an orderly end, the second ends at once.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::problem::ExitCode;
use crate::rollout::world::Cancel;

const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// From here on a first signal is a request to take back what is under way.
///
/// # Errors
/// When the system refuses the handlers.
pub fn cancel_on_signal() -> anyhow::Result<Cancel> {
    listeners().add()?;
    let cancel = Cancel::default();
    listen(&cancel)?;
    Ok(cancel)
}

/// What is under way and may be asked to end. Once it goes out of scope, and nothing else is under way, a signal ends the
/// process as ever.
#[derive(Debug, Default)]
pub struct UnderWay {
    cancel: Cancel,
    handlers: Vec<SigId>,
}

impl UnderWay {
    /// From here on a first signal is a request to end it, the second ends at once.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn begin() -> anyhow::Result<UnderWay> {
        listeners().add()?;
        let cancel = Cancel::default();
        let handlers = listen(&cancel)?;
        Ok(UnderWay { cancel, handlers })
    }

    /// As if a person had asked for the end.
    #[cfg(test)]
    pub(crate) fn cancel(&self) {
        self.cancel.flag().store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.requested()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.handlers.is_empty() {
            return;
        }
        listeners().remove();
        for handler in self.handlers.drain(..) {
            low_level::unregister(handler);
        }
    }
}

fn listen(cancel: &Cancel) -> io::Result<Vec<SigId>> {
    let mut handlers = Vec::new();
    for signal in SIGNALS {
        // In this order: the second signal finds the flag set by the first.
        let shutdown = i32::from(ExitCode::Interrupted.number());
        handlers.push(flag::register_conditional_shutdown(signal, shutdown, cancel.flag())?);
        handlers.push(flag::register(signal, cancel.flag())?);
    }
    Ok(handlers)
}

/// Those who act on a signal. It is one thing for the whole process whether there is anybody: what one has ended may not
/// take the signal from another that goes on.
struct Listeners {
    count: usize,
    /// Set while there is nobody; none before there was anybody.
    nobody: Option<Arc<AtomicBool>>,
}

static LISTENERS: Mutex<Listeners> = Mutex::new(Listeners { count: 0, nobody: None });

fn listeners() -> MutexGuard<'static, Listeners> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listeners {
    fn add(&mut self) -> io::Result<()> {
        let nobody = match self.nobody.take() {
            Some(nobody) => nobody,
            None => {
                let nobody = Arc::new(AtomicBool::new(false));
                for signal in SIGNALS {
                    flag::register_conditional_default(signal, Arc::clone(&nobody))?;
                }
                nobody
            }
        };
        nobody.store(false, Ordering::Relaxed);
        self.nobody = Some(nobody);
        self.count += 1;
        Ok(())
    }

    fn remove(&mut self) {
        self.count = self.count.saturating_sub(1);
        if let Some(nobody) = self.nobody.as_ref().filter(|_| self.count == 0) {
            nobody.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[test]
    fn what_has_ended_takes_no_signal_from_what_goes_on() {
        let outer = UnderWay::begin().unwrap();
        drop(UnderWay::begin().unwrap());
        kill_process(getpid(), Signal::INT).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !outer.is_cancelled() {
            assert!(Instant::now() < deadline, "nobody was told");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
