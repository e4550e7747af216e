//! What the tests share: the application in process, the binary, and a client that hides nothing.

mod application;
mod binary;
mod client;

use std::{
    fmt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

pub(crate) use application::{TestApp, spawn_app, spawn_app_in, spawn_app_with_token};
pub(crate) use binary::{Running, app, run};
pub(crate) use client::{Client, Response};

/// How long anything may take before a test fails; nothing takes that long on its own.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A token for the metrics, which staging and production require.
pub(crate) const TOKEN: &str = "nobody-would-ever-guess-this-one-in-a-test";

/// The configuration that is shipped.
pub(crate) fn shipped_configuration() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config")
}

/// Polls until `probe` gives something, which must happen before the deadline.
#[track_caller]
pub(crate) fn wait_for<T>(what: impl fmt::Display, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
