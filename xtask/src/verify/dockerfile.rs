//! A Dockerfile, as far as its stages and layers go.

/// Its instructions, stage by stage.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dockerfile {
    stages: Vec<Stage>,
}

#[derive(Debug, PartialEq, Eq)]
struct Stage {
    from: String,
    /// Each in one line, its name in capitals first.
    instructions: Vec<(String, String)>,
}

impl Dockerfile {
    pub(super) fn parse(text: &str) -> Dockerfile {
        let mut stages: Vec<Stage> = Vec::new();
        for line in instructions(text) {
            let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            let (name, rest) = (name.to_ascii_uppercase(), rest.trim().to_owned());
            match stages.last_mut() {
                _ if name == "FROM" => {
                    let from = rest.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or_default();
                    stages.push(Stage { from: from.to_owned(), instructions: Vec::new() });
                }
                Some(stage) => stage.instructions.push((name, rest)),
                // An argument before any stage.
                None => {}
            }
        }
        Dockerfile { stages }
    }

    /// What each stage stands on.
    pub(super) fn stages(&self) -> Vec<String> {
        self.stages.iter().map(|stage| stage.from.clone()).collect()
    }

    pub(super) fn last_stage_compiles(&self) -> bool {
        self.stages.last().is_some_and(|stage| stage.instructions.iter().any(compiles))
    }

    /// Of the stage that compiles the sources, how many of its layers compile before the last that copies files of the
    /// project, and how many after it.
    pub(super) fn compiled_before_and_after_the_sources(&self) -> (usize, usize) {
        let of_stage = |stage: &Stage| {
            let last = stage.instructions.iter().position(compiles_last(stage))?;
            let copied = stage.instructions.iter().take(last).rposition(copies_sources)?;
            let count = |part: &[(String, String)]| part.iter().filter(|it| compiles(it)).count();
            Some((count(stage.instructions.get(..copied)?), count(stage.instructions.get(copied..)?)))
        };
        self.stages.iter().filter_map(of_stage).max().unwrap_or_default()
    }
}

/// The last of a stage that compiles.
fn compiles_last(stage: &Stage) -> impl Fn(&(String, String)) -> bool + '_ {
    let last = stage.instructions.iter().rfind(|it| compiles(it));
    move |it| last.is_some_and(|last| std::ptr::eq(last, it))
}

fn compiles((name, rest): &(String, String)) -> bool {
    let words: Vec<_> = rest.split_whitespace().collect();
    let builds = |pair: &[&str]| matches!(pair, ["cargo" | "auditable" | "chef", "build" | "cook"]);
    name == "RUN" && words.windows(2).any(builds)
}

fn copies_sources((name, rest): &(String, String)) -> bool {
    let mut flags = rest.split_whitespace().take_while(|word| word.starts_with("--"));
    matches!(name.as_str(), "COPY" | "ADD") && !flags.any(|flag| flag.starts_with("--from="))
}

/// The lines of a Dockerfile with those joined that go on, without comments and empty ones.
fn instructions(text: &str) -> Vec<String> {
    let (mut whole, mut open) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_suffix('\\') {
            Some(part) => open += &format!("{part} "),
            None => whole.push(std::mem::take(&mut open) + line),
        }
    }
    whole.extend(Some(open).filter(|open| !open.is_empty()));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "ARG BASE\n# what compiles\nFROM ${BASE} AS builder\nCOPY manifests/ ./\nRUN --mount=type=cache \\\n    \
                        cargo fetch --locked\nRUN cargo build --locked && cargo clean\nCOPY --from=other /x /x\nCOPY source/ ./\n\
                        RUN cargo auditable build\nCOPY out/ /out/\nfrom --platform=x scratch\nCOPY --from=builder /out/ /\n";

    #[test]
    fn stages_are_told_apart() {
        let dockerfile = Dockerfile::parse(GOOD);
        assert_eq!(dockerfile.stages(), ["${BASE}", "scratch"]);
        assert!(!dockerfile.last_stage_compiles());
        assert!(Dockerfile::parse("FROM rust\nCOPY . .\nRUN cargo build").last_stage_compiles());
        assert_eq!(Dockerfile::parse("").stages(), [""; 0]);
    }

    #[test]
    fn dependencies_have_layers_of_their_own_where_they_are_compiled_before_the_sources_are_there() {
        assert_eq!(Dockerfile::parse(GOOD).compiled_before_and_after_the_sources(), (1, 1));
        let fetched = "FROM rust\nCOPY Cargo.* ./\nRUN cargo fetch\nCOPY . .\nRUN cargo build";
        assert_eq!(Dockerfile::parse(fetched).compiled_before_and_after_the_sources(), (0, 1));
        let owned = "FROM rust\nCOPY . .\nRUN cargo build\nCOPY --chown=1:1 --from=x /x /x\nRUN cargo build";
        assert_eq!(Dockerfile::parse(owned).compiled_before_and_after_the_sources(), (0, 2));
        let naive = "FROM rust\nCOPY . .\nRUN cargo build --release\nCMD [\"x\"]";
        assert_eq!(Dockerfile::parse(naive).compiled_before_and_after_the_sources(), (0, 1));
        assert_eq!(Dockerfile::parse("FROM scratch\nCOPY x /").compiled_before_and_after_the_sources(), (0, 0));
    }
}
