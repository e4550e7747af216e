//! What an expression names, without its being evaluated.

use serde_json::Value;

use super::parser::{self, Key, Node};
use super::{Mistake, Piece, pieces};

/// A context with the names that are looked up in it, as far as they are written out: `needs`, `image`, `outputs`, `image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(pub Vec<String>);

/// Everything that the expressions in a text name. In a condition the braces may be left out.
///
/// # Errors
/// A [`Mistake`] where something is no expression.
pub fn references(text: &str, is_condition: bool) -> Result<Vec<Reference>, Mistake> {
    let mut found = Vec::new();
    let pieces = pieces(text)?;
    let is_bare = is_condition && !pieces.iter().any(|piece| matches!(piece, Piece::Expression { .. }));
    for piece in pieces {
        match piece {
            Piece::Expression { at, text } => {
                found.extend(of(&parser::parse(text).map_err(|mistake| mistake.moved(at))?));
            }
            Piece::Text(text) if is_bare => found.extend(of(&parser::parse(text)?)),
            Piece::Text(_) => {}
        }
    }
    Ok(found)
}

fn of(node: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    let mut looked_into = Vec::new();
    node.visit(&mut |node| match node {
        Node::Index { of, keys } => {
            if let Node::Context { at, name } = &**of {
                looked_into.push(*at);
                let written = keys.iter().map_while(|key| match key {
                    Key::Named(Node::Literal(Value::String(name))) => Some(name.clone()),
                    _ => None,
                });
                found.push(Reference([name.clone()].into_iter().chain(written).collect()));
            }
        }
        Node::Context { at, name } if !looked_into.contains(at) => found.push(Reference(vec![name.clone()])),
        _ => {}
    });
    found
}

#[cfg(test)]
mod units {
    use super::*;

    #[test]
    fn what_is_named_is_told_as_far_as_it_is_written_out() {
        let told = |text, is_condition| {
            let found = references(text, is_condition).unwrap();
            found.iter().map(|Reference(names)| names.join(".")).collect::<Vec<_>>()
        };
        assert_eq!(
            told("a ${{ needs.image.outputs['image'] }}:${{ toJSON(needs) }}", false),
            ["needs.image.outputs.image", "needs"]
        );
        assert_eq!(told("always() && inputs.action != 'x'", true), ["inputs.action"]);
        assert_eq!(told("always() && inputs.action != 'x'", false), Vec::<String>::new());
        assert_eq!(told("${{ vars.A || format('{0}', github.repository) }}", true), ["vars.A", "github.repository"]);
        assert_eq!(told("${{ env[matrix.name].x }}", false), ["env", "matrix.name"]);
        assert!(references("${{ a b }}", false).is_err() && references("${{ inputs.a", false).is_err());
    }
}
