//! What HAProxy prints for `show map`, of the map that holds green's share.

use crate::rollout::colour::{Colour, Split};

/// The split in a map; none where there is no such line in it.
pub fn parse(text: &str) -> Option<Split> {
    let share = text.lines().find_map(|line| {
        // The first field is where in its memory the proxy has the line.
        let mut fields = line.split_whitespace().skip(1);
        if fields.next()? == Colour::Green.name() { fields.next()?.parse().ok() } else { None }
    });
    share.map(|share| Split::giving(Colour::Green, share))
}

/// The split in the file a map is read from when the proxy starts.
pub fn parse_file(text: &str) -> Option<Split> {
    let share = text.trim().strip_prefix(Colour::Green.name())?.trim().parse().ok()?;
    Some(Split::giving(Colour::Green, share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_green() {
        assert_eq!(parse("0x55d0 green 10\n\n"), Some(Split::giving(Colour::Green, 10)));
        assert_eq!(parse_file("green 10\n"), Some(Split::giving(Colour::Green, 10)));
    }

    #[test]
    fn what_has_no_share_is_none() {
        for text in ["", "0x1 blue 10", "0x1 green", "0x1 green -1", "0x1 green 256", "Unknown map identifier"] {
            assert_eq!(parse(text), None, "{text:?}");
            assert_eq!(parse_file(text), None, "{text:?}");
        }
    }
}
