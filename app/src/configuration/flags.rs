//! Flags as the strongest layer: `KEY=VALUE` of each `--set`, the last one winning.

use super::{
    layer::Layer,
    problem::{Origin, Problem},
    setting::Definition,
};

/// Reads the flags. A secret is refused: every process of the machine can read another's arguments.
pub(super) fn read(definition: &Definition, flags: &[String]) -> Layer {
    let mut layer = Layer::default();
    for flag in flags {
        let Some((path, text)) = flag.split_once('=') else {
            // Not repeated: it may be a secret with its key forgotten.
            let problem = Problem::new("--set: there is no = in its argument").at(Origin::Flag("--set".into()));
            layer.problems.push(problem.valid("KEY=VALUE such as server.port=8081"));
            continue;
        };
        let origin = Origin::Flag(format!("--set {path}"));
        match definition.find(path) {
            Some(setting) if setting.is_secret() => {
                let message = format!("{path}: a secret among the arguments is seen by every process of the machine");
                layer.problems.push(Problem::new(message).at(origin).valid(setting.ways_for_a_secret()));
            }
            Some(setting) => layer.give_text(setting, text, origin),
            None => layer.problems.push(Problem::unknown(path, definition.paths()).at(origin)),
        }
    }
    layer
}
