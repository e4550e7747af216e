//! What a person has to know of a host that is not entered, by what ssh has said of it.

use std::path::Path;

use super::{KEY, KNOWN_HOSTS, SCHEME, authority};
use crate::problem::{ExitCode, Problem};

/// The answer where no agent comes about that would listen at `socket`.
pub(super) fn not_kept(socket: &Path, said: &str) -> Problem {
    let message = format!(
        "ssh-agent, which is to hold {KEY}, has ended at once; its socket was to be {}. The folder that XDG_RUNTIME_DIR names, \
         or else TMPDIR, has to be one that this user can write to, and its path a short one. Nothing was started or changed.",
        socket.display()
    );
    let problem = Problem::new(ExitCode::Unavailable, message).detail(said.trim().lines());
    problem.next("the same command with XDG_RUNTIME_DIR=/tmp")
}

/// Whom a host is known to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// To [`KNOWN_HOSTS`], by which it is entered with [`KEY`].
    Pinned,
    /// To the person who types the command, by their own configuration.
    Own,
}

/// What a person has to know of a host that does not let `docker` in, by what ssh has said.
pub fn explain(host: &str, said: &str, trust: Trust) -> Problem {
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    let (known, key) = match trust {
        Trust::Pinned => (KNOWN_HOSTS, KEY),
        Trust::Own => ("your known_hosts", "your key"),
    };
    let (why, next) = if has(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        let why = format!(
            "shows another host key than {known} has for it: it was set up anew, or somebody else answers in its place"
        );
        (why, format!("{} | ssh-keygen -lf -", keyscan(host)))
    } else if has(&["Host key verification failed", "host key is known for"]) {
        (format!("shows a host key, and {known} has none for it"), format!("{} | ssh-keygen -lf -", keyscan(host)))
    } else if has(&["Permission denied", "Too many authentication failures"]) {
        (format!("does not let {key} in"), format!("ssh {SCHEME}{} docker version", authority(host)))
    } else if has(&["exit status 127", "command not found", "docker: not found"]) {
        (
            "has no `docker` command for whom it lets in".into(),
            format!("ssh {SCHEME}{} docker version", authority(host)),
        )
    } else {
        ("is not reached over ssh".into(), format!("ssh {SCHEME}{} docker version", authority(host)))
    };
    let message = format!("the Docker engine's host {host} {why}.");
    Problem::new(ExitCode::Unavailable, message).detail(essence(said)).next(next)
}

/// The fingerprints in what ssh has said, and the line it has ended with.
fn essence(said: &str) -> Vec<String> {
    let lines = said.lines().map(|line| line.rsplit("stderr=").next().unwrap_or(line).trim());
    let mut lines: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with('@')).collect();
    let last = lines.pop();
    let shown = lines.into_iter().filter(|line| line.starts_with("SHA256:")).map(|line| format!("it shows {line}"));
    shown.chain(last.map(str::to_owned)).collect()
}

/// How the key that a host shows is looked at.
fn keyscan(host: &str) -> String {
    let authority = authority(host);
    let name = authority.rsplit_once('@').map_or(authority, |(_, name)| name);
    match name.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) {
        Some((name, port)) => format!("ssh-keyscan -p {port} {name}"),
        None => format!("ssh-keyscan {name}"),
    }
}

/// The answer to a key for a host that nothing is known of.
pub(super) fn not_pinned(host: &str) -> Problem {
    let message = format!(
        "{KEY} is set and {KNOWN_HOSTS} is not, so that whoever answers at {host} would be believed. Let it hold the lines \
         that ssh-keyscan prints, once their fingerprints are those that `ssh-keygen -lf` shows on the host itself. Nothing \
         was started or changed."
    );
    let keyscan = keyscan(host);
    Problem::new(ExitCode::Configuration, message).next(format!("{keyscan} | ssh-keygen -lf -")).next(keyscan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_asked_for_its_key_where_it_listens() {
        let table = [
            ("ssh://deploy@shop.example", "ssh-keyscan shop.example"),
            ("ssh://deploy@shop.example:2222/run/docker.sock", "ssh-keyscan -p 2222 shop.example"),
            ("ssh://shop.example:2222", "ssh-keyscan -p 2222 shop.example"),
            ("ssh://a@b@shop", "ssh-keyscan shop"),
        ];
        for (host, command) in table {
            assert_eq!(keyscan(host), command, "{host}");
        }
    }

    #[test]
    fn each_refusal_is_told_by_what_it_is() {
        let changed = "@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@\nThe fingerprint for the ED25519 key \
                       is\nSHA256:abc.\nHost key for shop has changed\nHost key verification failed.\n";
        let docker = "error during connect: command [ssh -- shop docker system dial-stdio] has exited with exit status 255, \
                      stderr=deploy@shop: Permission denied (publickey).\n\n";
        let cases = [
            (changed, "another host key than DEPLOY_SSH_KNOWN_HOSTS", "it shows SHA256:abc."),
            (
                "No ED25519 host key is known for shop\nHost key verification failed.",
                "has none for it",
                "Host key veri",
            ),
            (docker, "does not let DEPLOY_SSH_KEY in", "  | deploy@shop: Permission denied (publickey)."),
            ("ssh: connect to host shop port 22: Connection refused", "is not reached over ssh", "Connection refused"),
            ("has exited with exit status 127", "has no `docker` command", "127"),
            ("", "is not reached over ssh", "next: ssh ssh://deploy@shop docker version"),
        ];
        for (said, why, detail) in cases {
            let problem = explain("ssh://deploy@shop", said, Trust::Pinned);
            let text = problem.to_string();
            assert_eq!(problem.code(), ExitCode::Unavailable);
            assert!(text.contains(why) && text.contains(detail) && !text.contains("@@"), "{said}: {text}");
        }
        assert!(explain("ssh://shop", docker, Trust::Own).to_string().contains("does not let your key in"));
    }
}
