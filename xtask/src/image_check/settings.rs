//! How an image says that it is started, watched and ended, and what it stands on.

use super::Subject;
use super::hardening::{is_executable, is_shell};
use super::row::{Row, Verdict};
use crate::docker::{Image, ImageConfig};

/// What Dockerfiles call what they stand on when it is nothing.
const NOTHING: &str = "scratch";
/// The argument of the Dockerfile that names what the service is compiled in.
const BUILDER: &str = "BUILDER_IMAGE";

/// A row for each of these.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let config = &subject.image.config;
    vec![user(subject.image), entrypoint(subject), health_check(config), stop_signal(config), base(subject)]
}

fn verdict(is_right: bool) -> Verdict {
    if is_right { Verdict::Passed } else { Verdict::Failed }
}

/// A name can be anybody's, root among them, and what is in the image decides whose.
fn user(image: &Image) -> Row {
    let user = &image.config.user;
    let numeric = user.split(':').all(|part| part.parse::<u32>().is_ok_and(|number| number != 0));
    let found = if user.is_empty() { "root, as none is named".to_owned() } else { user.clone() };
    let remedy = "USER 65532:65532, or any other number but 0, in the Dockerfile's last stage";
    Row::new("user", verdict(numeric), found, remedy).allowing("a number but 0")
}

/// A shell between engine and service would take the signals, and a relative path is looked for where variables say.
fn entrypoint(subject: &Subject<'_>) -> Row {
    let remedy =
        "ENTRYPOINT [\"/path/to/service\"] in the Dockerfile's last stage, as a list, of a program that is in it";
    let row = |is_right: bool, found: String| {
        Row::new("entrypoint", verdict(is_right), found, remedy).allowing("an absolute path, as a list")
    };
    let command = subject.image.config.command();
    let Some(program) = command.first() else { return row(false, "none".into()) };
    if is_shell(program) {
        return row(false, format!("{program}, a shell, starts it"));
    }
    if !program.starts_with('/') {
        return row(false, format!("{program}, which is looked for on PATH"));
    }
    match subject.tree.find(program) {
        None => row(false, format!("{program}, which is not in the image")),
        Some(entry) if !is_executable(entry) => row(false, format!("{program}, which cannot be run")),
        Some(_) => row(true, program.clone()),
    }
}

fn health_check(config: &ImageConfig) -> Row {
    let test = config.healthcheck.as_ref().and_then(|check| check.test.as_deref()).unwrap_or_default();
    let (is_right, found) = match test {
        [] => (false, "none".to_owned()),
        [none] if none == "NONE" => (false, "switched off".to_owned()),
        [kind, line @ ..] if kind == "CMD-SHELL" => (true, format!("by a shell: {}", line.join(" "))),
        [_, command @ ..] => (true, command.join(" ")),
    };
    let remedy = "HEALTHCHECK CMD [\"/path/to/service\", \"healthcheck\"] in the Dockerfile's last stage";
    Row::new("health-check", verdict(is_right), found, remedy).allowing("one that is named")
}

/// The one at which the service takes leave, and which a base image may have changed.
fn stop_signal(config: &ImageConfig) -> Row {
    let signal = config.stop_signal.as_deref().unwrap_or_default();
    let is_right = matches!(signal, "SIGTERM" | "TERM" | "15");
    let found = if signal.is_empty() { "none is named" } else { signal };
    let remedy = "STOPSIGNAL SIGTERM in the Dockerfile's last stage";
    Row::new("stop-signal", verdict(is_right), found, remedy).allowing("SIGTERM")
}

/// An image does not tell what it stands on, so that the Dockerfile is asked, and the label that may say it.
fn base(subject: &Subject<'_>) -> Row {
    let image = &subject.project.delivery.image;
    let path = subject.project.root.join(&image.dockerfile);
    let remedy = "name a version or a digest in FROM, so that the same image is built tomorrow";
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let found = format!("{} cannot be read: {error}", path.display());
            return Row::new("base", Verdict::Skipped, found, remedy);
        }
    };
    let labels = subject.image.config.labels.iter().flatten();
    let labelled =
        labels.filter(|(name, _)| *name == "org.opencontainers.image.base.name").map(|(_, base)| base.clone());
    let builder = image.builder_image.as_deref().unwrap_or_default();
    let bases: Vec<_> = bases(&text, builder).into_iter().chain(labelled).collect();
    let floating: Vec<_> = bases.iter().filter(|base| is_floating(base)).map(String::as_str).collect();
    let found = match (&floating[..], &bases[..]) {
        ([], []) => "nothing".to_owned(),
        ([], bases) => bases.join(", "),
        (floating, _) => floating.join(", "),
    };
    Row::new("base", verdict(floating.is_empty()), found, remedy).allowing("a version or a digest")
}

/// The images that the stages of a Dockerfile stand on.
fn bases(dockerfile: &str, builder: &str) -> Vec<String> {
    let (mut bases, mut stages) = (Vec::new(), vec![NOTHING.to_owned()]);
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace().filter(|word| !word.starts_with("--"));
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("FROM")) {
            continue;
        }
        let Some(base) = words.next() else { continue };
        let base = base.replace(&format!("${{{BUILDER}}}"), builder).replace(&format!("${BUILDER}"), builder);
        if !base.is_empty() && !stages.contains(&base) {
            bases.push(base);
        }
        // `AS` and the stage's name.
        stages.extend(words.nth(1).map(str::to_owned));
    }
    bases
}

/// Whether it can be another image tomorrow.
fn is_floating(base: &str) -> bool {
    let name = base.rsplit('/').next().unwrap_or(base);
    !base.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag.is_empty() || tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{Healthcheck, RootFs};

    fn image(user: &str) -> Image {
        Image {
            id: "sha256:1".into(),
            size: 1,
            os: "linux".into(),
            architecture: "amd64".into(),
            repo_digests: Vec::new(),
            config: ImageConfig { user: user.into(), ..ImageConfig::default() },
            root_fs: RootFs::default(),
        }
    }

    #[test]
    fn a_user_is_a_number_and_not_roots() {
        for (name, verdict) in [
            ("65532:65532", Verdict::Passed),
            ("65532", Verdict::Passed),
            ("", Verdict::Failed),
            ("0", Verdict::Failed),
            ("0:0", Verdict::Failed),
            ("65532:0", Verdict::Failed),
            ("service", Verdict::Failed),
            ("root", Verdict::Failed),
        ] {
            assert_eq!(user(&image(name)).verdict, verdict, "{name}");
        }
    }

    #[test]
    fn a_health_check_is_one_that_is_made() {
        for (test, verdict) in [
            (None, Verdict::Failed),
            (Some(vec!["NONE"]), Verdict::Failed),
            (Some(vec!["CMD", "/service", "healthcheck"]), Verdict::Passed),
            (Some(vec!["CMD-SHELL", "curl localhost"]), Verdict::Passed),
        ] {
            let test = test.map(|words| words.into_iter().map(str::to_owned).collect());
            let config = ImageConfig { healthcheck: Some(Healthcheck { test }), ..ImageConfig::default() };
            assert_eq!(health_check(&config).verdict, verdict, "{config:?}");
        }
        assert_eq!(health_check(&ImageConfig::default()).verdict, Verdict::Failed);
    }

    #[test]
    fn the_signal_is_named() {
        let signal = |signal: Option<&str>| {
            let stop_signal = signal.map(str::to_owned);
            stop_signal_of(&ImageConfig { stop_signal, ..ImageConfig::default() })
        };
        fn stop_signal_of(config: &ImageConfig) -> Verdict {
            stop_signal(config).verdict
        }
        assert_eq!(signal(Some("SIGTERM")), Verdict::Passed);
        assert_eq!([signal(None), signal(Some("SIGKILL")), signal(Some(""))], [Verdict::Failed; 3]);
    }

    #[test]
    fn a_base_is_named_by_version_or_digest() {
        let text = "ARG BUILDER_IMAGE\nFROM --platform=x ${BUILDER_IMAGE} AS builder\nfrom debian as base\nFROM base\nFROM scratch\n";
        assert_eq!(bases(text, "rust:1.95"), ["rust:1.95", "debian"]);
        for (base, floating) in [
            ("debian", true),
            ("debian:latest", true),
            ("localhost:5000/debian", true),
            ("debian:13", false),
            ("localhost:5000/debian:13", false),
            ("debian@sha256:1", false),
        ] {
            assert_eq!(is_floating(base), floating, "{base}");
        }
    }
}
