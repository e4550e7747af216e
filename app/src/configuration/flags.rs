//! Flags as the strongest layer: `KEY=VALUE` of each `--set`, the last one winning.

use super::{
    layer::Layer,
    problem::{Origin, Problem, excerpt::Excerpt},
    setting::Definition,
};

/// What stands in front of each.
const SET: &str = "--set ";

/// Reads the flags. A secret is refused: every process of the machine can read another's arguments.
pub(super) fn read(definition: &Definition, flags: &[String]) -> Layer {
    let mut layer = Layer::default();
    for flag in flags {
        let Some((path, text)) = flag.split_once('=') else {
            // Not repeated: it may be a secret with its key forgotten.
            let problem = Problem::new("--set: there is no = in its argument").at(Origin::Flag("--set".into()));
            let excerpt = Excerpt::covered(SET);
            layer.problems.push(problem.showing(excerpt).valid("KEY=VALUE such as server.port=8081"));
            continue;
        };
        let written = format!("{SET}{path}");
        let origin = Origin::Flag(written.clone());
        match definition.find(path) {
            Some(setting) if setting.is_secret() => {
                let message = format!("{path}: a secret among the arguments is seen by every process of the machine");
                let problem = Problem::new(message).at(origin).showing(Excerpt::assignment(&written, text, false));
                let problem = problem.valid("no secret here").about(setting);
                layer.problems.push(problem.help(format!("give it by {}", setting.ways_for_a_secret())));
            }
            Some(setting) => layer.give_text(setting, &written, text, origin),
            None => layer.problems.push(unknown(definition, path, &written, origin)),
        }
    }
    layer
}

fn unknown(definition: &Definition, path: &str, written: &str, origin: Origin) -> Problem {
    let problem = Problem::unknown(path, definition.paths());
    // With neither a dot nor a name like it, it may be a secret with its key forgotten.
    if problem.has_meant() || path.contains('.') {
        return problem.at(origin).showing(Excerpt::name(written, SET.len()));
    }
    let problem = Problem::new("--set: no setting has the key given").at(Origin::Flag(SET.trim().into()));
    problem.showing(Excerpt::covered(SET)).valid("the path of a setting, such as server.port")
}
