//! What a project leaves on the machine, and that it goes also when the test that made it is interrupted.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, Once};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::engine::docker;
use super::fixture::On;

/// Of the projects that this process has made and not ended yet.
static LEFT: Mutex<Vec<Traces>> = Mutex::new(Vec::new());

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    name: String,
    root: PathBuf,
    on: On,
}

impl Traces {
    /// From here on they are removed when the process is told to end.
    pub fn of(name: &str, root: &std::path::Path, on: On) -> Traces {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| {
            let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).unwrap();
            std::thread::spawn(move || {
                if signals.forever().next().is_some() {
                    // Held until the end, so that no test goes on making more.
                    let left = LEFT.lock().unwrap();
                    left.iter().for_each(Traces::erase);
                    std::process::exit(130);
                }
            });
        });
        let traces = Traces { name: name.to_owned(), root: root.to_owned(), on };
        LEFT.lock().unwrap().push(traces.clone());
        traces
    }

    /// Removes them.
    pub fn remove(&self) {
        self.erase();
        LEFT.lock().unwrap().retain(|other| other != self);
    }

    fn erase(&self) {
        self.end();
        let _ = fs::remove_dir_all(&self.root);
        if self.on == On::Compose {
            let images = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", &format!("{}*/*", self.name)]);
            for image in images.unwrap_or_default().lines() {
                docker(&["rmi", image]);
            }
        }
    }

    /// Ends everything that runs.
    pub fn end(&self) {
        for environment in ["development", "staging", "production"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
            command.args(["down", "--env", environment, "--yes", "--wait", "30s"]).current_dir(&self.root);
            let _ = command.env_remove("CI").stdin(Stdio::null()).output();
        }
    }
}
