//! What a shim is told: by whoever asks at its socket, and by signals.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitStatus;
use std::sync::mpsc::Sender;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::warmth::Warmth;

/// How long a child may take to end when the machine shuts down.
pub(super) const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// What a shim waits for.
pub(super) enum Message {
    Exited(ExitStatus),
    Ask(UnixStream),
    Stop(Duration, Option<UnixStream>),
    Warm(Warmth, UnixStream),
}

/// Takes the requests at the socket, one after the other.
pub(super) fn listen(listener: UnixListener, sender: Sender<Message>) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(message) = read_request(stream)
                && sender.send(message).is_err()
            {
                return;
            }
        }
    });
}

fn read_request(stream: UnixStream) -> Option<Message> {
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut request = String::new();
    BufReader::new(&stream).read_line(&mut request).ok()?;
    match request.trim_end().split_once(' ') {
        None if request.trim_end() == "status" => Some(Message::Ask(stream)),
        Some(("stop", millis)) => Some(Message::Stop(Duration::from_millis(millis.parse().ok()?), Some(stream))),
        Some(("warm", request)) => Some(Message::Warm(Warmth::parse(request)?, stream)),
        _ => {
            let _ = (&stream).write_all(b"unknown request");
            None
        }
    }
}

/// Has a signal end the child as a request would; a terminal that is closed is not meant for it.
pub(super) fn forward_signals(sender: Sender<Message>) -> anyhow::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if signal != SIGHUP && sender.send(Message::Stop(SHUTDOWN_GRACE, None)).is_err() {
                return;
            }
        }
    });
    Ok(())
}
