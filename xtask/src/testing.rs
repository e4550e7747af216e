//! What this crate's own tests share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is gone when it goes out of scope.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("switchyard-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A git repository with one commit, that is gone when it goes out of scope.
pub(crate) struct Repository(TempDir);

impl Repository {
    pub(crate) fn with(files: &[(&str, &str)]) -> Repository {
        let repository = Repository(TempDir::new());
        files.iter().for_each(|(path, text)| repository.write(path, text));
        repository.git(&["init", "--quiet"]);
        repository.commit("first");
        repository
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", message]);
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) {
        assert!(Command::new("git").args(args).current_dir(self.root()).status().unwrap().success(), "git {args:?}");
    }
}

/// A `delivery.toml` that is right, for tests that are not about this project's own.
pub(crate) const DELIVERY: &str = r#"
[service]
package = "shop"
binary = "shop"
args = ["--listen", "{address}"]
files = ["config"]
setting_variable = "SHOP__{KEY}"
env = { SHOP_COLOUR = "{colour}", SHOP_RELEASE = "{release}", SHOP_CONFIG = "{release_dir}/config", SHOP__PORT = "{port}" }
health = { ready = "/ready", colour_header = "x-shop-colour" }

[proxy]
config = "haproxy.cfg"
image = "shop-proxy"
dockerfile = "haproxy.Dockerfile"
base_image = "haproxy"

[image]
repository = "shop"
dockerfile = "Dockerfile"

[environments.development]
runtime = "process"
profile = "dev"
listen = "127.0.0.1:8080"
colours = { blue = "127.0.0.1:8081", green = "127.0.0.1:8082" }
rollout = { steps = [{ set_weight = 100 }], bake = "1s", keep_warm = "1m" }

[environments.production]
runtime = "process"
profile = "release"
listen = "127.0.0.1:8280"
colours = { blue = "127.0.0.1:8281", green = "127.0.0.1:8282" }
protected = true
rollout = { steps = [{ set_weight = 100 }], bake = "1m", keep_warm = "1h" }
"#;

/// A certificate of nobody's: its key was thrown away.
pub(crate) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBKjCB0QIUXBp+AAAAAAAAAAAAAAAAAAAAAAEwCgYIKoZIzj0EAwIwFzEVMBMG\n\
A1UEAwwMc2hvcC5leGFtcGxlMCAXDTI2MTEyNzAwMDAwMFoYDzIwNTYxMTE5MDAw\n\
MDAwWjAXMRUwEwYDVQQDDAxzaG9wLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAASFyV/yujnCn37hFloNd2H0t+6BCLN/TF7sU8WxEfOI2EgfKqCTIBfg\n\
3Fq4zspKnukwemegdtedIdExctZb6qGxMAoGCCqGSM49BAMCA0gAMEUCIQCAkO6+\n\
MwGvaMCEYsDJuRWqFMwCjdKy4JjYA5Mm8LDH0gIgIIZiTgN2nuGrk7bRYCNntL9P\n\
l29de6rFbq4WC21mfHM=\n\
-----END CERTIFICATE-----\n";
