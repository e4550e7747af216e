//! A workspace of two members with a history of its own, and the repository that others see.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Ran, repository};

const FILES: [(&str, &str); 11] = [
    (".gitignore", "/target\n"),
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\"shop\", \"till\"]\nexclude = [\"fuzz\"]\nresolver = \"3\"\n\n\
         [workspace.package]\nversion = \"0.1.0\"   # of all that inherit it\n\n\
         [workspace.dependencies]\ntill = { path = \"till\", version = \"0.1\" }\n",
    ),
    (
        "shop/Cargo.toml",
        "[package]\nname = \"shop\"\nversion.workspace = true\nedition = \"2024\"\n\n[dependencies]\ntill.workspace = true\n",
    ),
    ("shop/src/lib.rs", ""),
    ("till/Cargo.toml", "[package]\nname = \"till\"\nedition = \"2024\"\nversion = \"0.1.0\"\n"),
    ("till/src/lib.rs", ""),
    (
        "fuzz/Cargo.toml",
        "[package]\nname = \"fuzz\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nshop = { path = \"../shop\", version = \"=0.1.0\" }\n",
    ),
    ("fuzz/src/lib.rs", ""),
    (
        "CHANGELOG.md",
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A  till\n  that rings.\n\n## [0.1.0] - 2026-01-01\n\n- It opens.\n",
    ),
    ("run.sh", "#!/bin/sh\n"),
    ("README.md", "A shop.\n"),
];

/// What every shop begins as, as an archive: released once, with a commit since, and pushed.
fn template() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let shop = Shop { folder: new_folder() };
        fs::create_dir_all(shop.root()).unwrap();
        FILES.iter().for_each(|(path, text)| shop.write(path, text));
        fs::set_permissions(shop.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        shop.write("config/delivery.toml", &fs::read_to_string(repository().join("config/delivery.toml")).unwrap());
        for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
            shop.cargo(&["generate-lockfile", "--offline", "--manifest-path", manifest]);
        }
        shop.git(&["init", "--quiet", "--initial-branch=main"]);
        shop.git(&["config", "user.name", "Ada"]);
        shop.git(&["config", "user.email", "ada@example.com"]);
        shop.git(&["init", "--quiet", "--bare", "--initial-branch=main", "../origin.git"]);
        // So that a copy has one of its own.
        shop.git(&["remote", "add", "origin", "../origin.git"]);
        shop.commit("Open the shop");
        shop.git(&["tag", "--annotate", "--message", "Release 0.1.0", "v0.1.0"]);
        shop.write("README.md", "A shop with a till.\n");
        shop.commit("Say what there is");
        shop.git(&["push", "--quiet", "--set-upstream", "origin", "main", "v0.1.0"]);
        // The format that keeps times as git's index has them.
        duct::cmd!("tar", "--create", "--format=posix", ".").dir(&shop.folder).stdout_capture().run().unwrap().stdout
    })
}

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("switchyard-shop-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    // As cargo and git call it, whatever links lead there.
    std::env::temp_dir().canonicalize().unwrap().join(name)
}

pub struct Shop {
    folder: PathBuf,
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Everything that can be told apart about a checkout, but for what git keeps of the past.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Contents and modes.
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
    references: String,
    head: String,
    index: String,
    status: String,
}

impl Shop {
    pub fn new() -> Shop {
        let shop = Shop { folder: new_folder() };
        fs::create_dir(&shop.folder).unwrap();
        duct::cmd!("tar", "--extract").dir(&shop.folder).stdin_bytes(template()).run().unwrap();
        shop
    }

    /// Another one in the same state.
    pub fn copy(&self) -> Shop {
        let shop = Shop { folder: new_folder() };
        let copied = Command::new("cp").arg("-a").args([&self.folder, &shop.folder]).status().unwrap();
        assert!(copied.success());
        shop
    }

    pub fn root(&self) -> PathBuf {
        self.folder.join("shop")
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a hook that runs these lines.
    pub fn hook(&self, name: &str, lines: &str) {
        let path = format!(".git/hooks/{name}");
        self.write(&path, &format!("#!/bin/sh\n{lines}\n"));
        fs::set_permissions(self.root().join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program that knows nothing of whoever runs the tests, nor of where.
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).stdin(Stdio::null());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for name in ["GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_TOKEN", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
            command.env_remove(name);
        }
        xtask::cargo::foreign_variables().iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }

    pub fn xtask(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_xtask"));
        command.args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.xtask(args).output().unwrap())
    }

    /// What a dry run or a release says of itself.
    #[track_caller]
    pub fn release(&self, args: &[&str]) -> serde_json::Value {
        let args = [&["release", "--json"], args].concat();
        serde_json::from_str(&self.run(&args).ok().stdout).unwrap()
    }

    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.program("git").args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[track_caller]
    pub fn cargo(&self, args: &[&str]) {
        let output = self.program(xtask::cargo::program()).args(args).output().unwrap();
        assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Commits all there is.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Has somebody else push a commit, and perhaps a tag that names it.
    pub fn push_of_another(&self, tag: Option<&str>) {
        let other = self.folder.join("other");
        self.git(&["clone", "--quiet", "../origin.git", other.to_str().unwrap()]);
        let git = |args: &[&str]| {
            let identity = ["-c", "user.name=Bob", "-c", "user.email=bob@example.com"];
            let status = self.program("git").current_dir(&other).args(identity).args(args).status().unwrap();
            assert!(status.success(), "git {args:?}");
        };
        git(&["commit", "--quiet", "--allow-empty", "--message", "Somebody else's"]);
        match tag {
            Some(tag) => {
                git(&["tag", tag]);
                git(&["push", "--quiet", "origin", tag]);
            }
            None => git(&["push", "--quiet", "origin", "main"]),
        }
        fs::remove_dir_all(other).unwrap();
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                let is_git = path == self.root().join(".git");
                match kind.is_dir() {
                    true if is_git => {}
                    true => folders.push(path),
                    false => {
                        let mode = entry.metadata().unwrap().permissions().mode();
                        files.insert(
                            path.strip_prefix(self.root()).unwrap().to_owned(),
                            (mode, fs::read(path).unwrap()),
                        );
                    }
                }
            }
        }
        Snapshot {
            files,
            references: self.git(&["show-ref", "--head", "--dereference"]),
            head: self.git(&["rev-parse", "--abbrev-ref", "HEAD"]),
            index: self.git(&["ls-files", "--stage"]),
            status: self.git(&["status", "--porcelain"]),
        }
    }

    /// What a release has made, but for the time at which it did.
    pub fn made(&self) -> BTreeMap<&'static str, String> {
        let tags =
            self.git(&["for-each-ref", "--format=%(refname) %(objecttype) %(taggername)%0a%(contents)", "refs/tags"]);
        let remote = ["origin/main", "main"].map(|name| self.git(&["rev-parse", name]));
        let pushed = self.git(&["ls-remote", "--tags", "origin"]);
        BTreeMap::from([
            ("tree", self.git(&["rev-parse", "HEAD^{tree}"])),
            ("commits", self.git(&["log", "--format=%an %ae %B"])),
            ("tags", tags),
            ("status", self.git(&["status", "--porcelain", "--branch"])),
            ("is level", (remote[0] == remote[1]).to_string()),
            ("pushed", pushed.lines().filter_map(|line| line.split('\t').nth(1)).collect::<Vec<_>>().join(" ")),
        ])
    }
}
