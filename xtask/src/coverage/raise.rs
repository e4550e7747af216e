//! Raises the floors to what was measured, in the text of the file as it stands.

use std::collections::BTreeMap;

use crate::delivery::{Delivery, Share};

/// How far below what was measured a floor is put: which lines a test with threads or a clock runs differs a little.
pub(super) const SLACK: Share = Share::tenths(5);

/// A floor that was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raised {
    pub(super) name: String,
    pub(super) from: Share,
    pub(super) to: Share,
}

/// The text with every floor raised that what was measured allows, and which those are; nothing else in it changes.
///
/// # Errors
/// When it is not right.
pub(super) fn raise(text: &str, measured: &BTreeMap<&str, Share>) -> anyhow::Result<(String, Vec<Raised>)> {
    let delivery = Delivery::parse(text).map_err(|mistakes| anyhow::anyhow!(mistakes.join("\n")))?;
    let (mut raised, mut text) = (Vec::new(), text.to_owned());
    let mut floors: Vec<_> = delivery.coverage.floor.iter().collect();
    // From the end, so that every place before it stays where it is.
    floors.sort_by_key(|(_, floor)| std::cmp::Reverse(floor.span().start));
    for (name, floor) in floors {
        let (name, from) = (name.get_ref(), *floor.get_ref());
        let Some(to) = measured.get(name.as_str()).map(|share| share.less(SLACK)).filter(|to| *to > from) else {
            continue;
        };
        text.replace_range(floor.span(), &to.to_string());
        raised.push(Raised { name: name.clone(), from, to });
    }
    raised.reverse();
    Ok((text, raised))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::DELIVERY;

    fn text(floors: &str) -> String {
        format!("# Why.\n[coverage]   # here\n{floors}\n\n# The end.\n{DELIVERY}")
    }

    #[test]
    fn only_the_numbers_change_and_only_upwards() {
        let measured = BTreeMap::from([
            ("shop", Share::tenths(1000)),
            ("tool", Share::tenths(604)),
            ("low", Share::tenths(700)),
            ("new", Share::tenths(900)),
        ]);
        let before = text("floor = { shop=7, 'tool' = 50.0 , low = 80.0,  gone = 1.0 } # percent");
        let (after, raised) = raise(&before, &measured).unwrap();
        assert_eq!(after, text("floor = { shop=99.5, 'tool' = 59.9 , low = 80.0,  gone = 1.0 } # percent"));
        let names: Vec<_> = raised.iter().map(|it| format!("{} {} {}", it.name, it.from, it.to)).collect();
        assert_eq!(names, ["shop 7.0 99.5", "tool 50.0 59.9"]);
        assert_eq!(raise(&after, &measured).unwrap(), (after, Vec::new()));
    }

    #[test]
    fn floors_in_a_table_of_their_own_are_raised_as_well() {
        let floors = |shop: &str| text(&format!("[coverage.floor]\nshop = {shop}"));
        let (after, _) = raise(&floors("0.0"), &BTreeMap::from([("shop", Share::tenths(3))])).unwrap();
        assert_eq!(after, floors("0.0"));
        let (after, _) = raise(&floors("0.0"), &BTreeMap::from([("shop", Share::tenths(12))])).unwrap();
        assert_eq!(after, floors("0.7"));
    }
}
