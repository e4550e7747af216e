//! The split as a bar.

use super::terminal::{fit, width};
use crate::rollout::colour::{Colour, PerColour, Split};

/// What the shares beside a bar take at the most.
const LABELS: usize = "  blue 90 %  green 10 %".len();
/// What is left free for what stands behind the bar.
const BEHIND: usize = 26;
const LONGEST: usize = 20;
const SHORTEST: usize = 10;

/// A line with the split in it, as it is seen and as it is sent to the terminal.
pub(super) struct Bar {
    /// How many columns it takes.
    pub(super) columns: usize,
    /// With the colours, where they are wanted.
    pub(super) text: String,
}

impl Bar {
    /// The bar that fits into so many columns; where none does, only the shares.
    pub(super) fn of(split: Split, columns: usize, paint: bool) -> Bar {
        let cells = columns.saturating_sub(LABELS + BEHIND).clamp(SHORTEST, LONGEST);
        let (blue, green) = (split.share(Colour::Blue), split.share(Colour::Green));
        if LABELS + cells > columns {
            let text = fit(&format!("  {split}"), columns);
            return Bar { columns: width(&text), text };
        }
        let PerColour { blue: full, green: light } = filled(split, cells);
        let (full, light) = ("█".repeat(full), "░".repeat(light));
        let plain = format!("  blue {blue} % {full}{light} green {green} %");
        let text = if paint {
            format!("  blue {blue} % \x1b[34m{full}\x1b[32m{light}\x1b[0m green {green} %")
        } else {
            plain.clone()
        };
        Bar { columns: width(&plain), text }
    }
}

/// How many cells each colour gets: at least one where it gets any requests.
fn filled(split: Split, cells: usize) -> PerColour<usize> {
    let exact = usize::from(split.share(Colour::Green)) * cells;
    let green = match split.sole() {
        Some(Colour::Blue) => 0,
        Some(Colour::Green) => cells,
        None => ((exact + 50) / 100).clamp(1, cells.saturating_sub(1)),
    };
    PerColour { blue: cells - green, green }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_any_requests_has_a_cell_and_who_gets_none_has_none() {
        for (green, expected) in [(0, 0), (1, 1), (2, 1), (10, 2), (50, 10), (97, 19), (99, 19), (100, 20)] {
            let cells = filled(Split::giving(Colour::Green, green), 20);
            assert_eq!((cells.green, cells.blue), (expected, 20 - expected), "{green} %");
        }
    }

    #[test]
    fn a_bar_takes_the_room_there_is() {
        let table = [
            (80, "  blue 90 % ██████████████████░░ green 10 %"),
            (60, "  blue 90 % ██████████░ green 10 %"),
            (33, "  blue 90 % █████████░ green 10 %"),
            (32, "  blue 90 %, green 10 %"),
            (12, "  blue 90 %…"),
            (0, ""),
        ];
        for (columns, expected) in table {
            let bar = Bar::of(Split::giving(Colour::Green, 10), columns, false);
            assert_eq!(bar.text, expected);
            assert_eq!(bar.columns, width(expected));
            assert!(bar.columns <= columns);
        }
    }

    #[test]
    fn colours_take_no_columns() {
        let split = Split::giving(Colour::Green, 50);
        let (plain, painted) = (Bar::of(split, 50, false), Bar::of(split, 50, true));
        assert_eq!(painted.text, "  blue 50 % \u{1b}[34m█████\u{1b}[32m░░░░░\u{1b}[0m green 50 %");
        assert_eq!(plain.columns, painted.columns);
    }
}
