//! Changes to a text that leave every other byte of it as it is. Pure.

use std::ops::Range;

/// What takes the place of which parts of a text.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// The parts may be named in any order, and do not overlap.
    pub(super) fn replace(&mut self, part: Range<usize>, by: impl Into<String>) {
        self.0.push((part, by.into()));
    }

    /// What is inserted at the same place stands there in the order in which it was.
    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    /// The text with all of them.
    pub(super) fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(part, _)| part.start);
        let (mut changed, mut end) = (String::with_capacity(text.len()), 0);
        for (part, by) in self.0 {
            changed.push_str(text.get(end..part.start).unwrap_or_default());
            changed.push_str(&by);
            end = part.end;
        }
        changed.push_str(text.get(end..).unwrap_or_default());
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let mut edits = Edits::default();
        edits.replace(8..9, "C");
        edits.insert(4, "x");
        edits.insert(4, "y");
        edits.replace(0..1, "");
        assert_eq!(edits.apply("a = b\r\n c\n"), " = xyb\r\n C\n");
    }
}
