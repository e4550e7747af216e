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
            // Of a project that `down` cannot read any more, or one whose network was still in use.
            for (remove, name) in self.in_engine() {
                eprintln!("{name} was left behind");
                docker(&[remove, &[&name]].concat());
            }
        }
    }

    /// Ends everything that runs.
    pub fn end(&self) {
        for environment in ["development", "staging", "production"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
            command.args(["down", "--env", environment, "--yes", "--wait", "30s"]).current_dir(&self.root);
            let ended = command.env_remove("CI").stdin(Stdio::null()).output();
            if let Some(ended) = ended.ok().filter(|ended| !ended.status.success()) {
                eprintln!("{environment} was not ended: {}", String::from_utf8_lossy(&ended.stderr));
            }
        }
    }

    /// What of the project is there.
    pub fn left(&self) -> Vec<String> {
        let folder = self.root.join(".switchyard").exists().then(|| ".switchyard".to_owned());
        let in_engine = if self.on == On::Compose { self.in_engine() } else { Vec::new() };
        folder.into_iter().chain(in_engine.into_iter().map(|(_, name)| name)).collect()
    }

    /// Containers, networks and volumes, each with what removes it.
    fn in_engine(&self) -> Vec<(&'static [&'static str], String)> {
        let kinds: [(&[&str], &[&str]); 3] = [
            (&["ps", "--all", "--format", "{{.Names}}"], &["rm", "--force", "--volumes"]),
            (&["network", "ls", "--format", "{{.Name}}"], &["network", "rm"]),
            (&["volume", "ls", "--quiet"], &["volume", "rm"]),
        ];
        let filter = format!("name={}-", self.name);
        let mut found = Vec::new();
        for (list, remove) in kinds {
            let listed = docker(&[list, &["--filter", &filter]].concat()).unwrap();
            found.extend(listed.lines().map(|name| (remove, name.to_owned())));
        }
        found
    }
}
