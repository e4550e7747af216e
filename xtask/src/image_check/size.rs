//! How large an image is: against its budget, and against the image that one would write first.

use super::Subject;
use super::row::{Row, Verdict};
use crate::delivery::Naive;
use crate::image::Baseline;
use crate::problem::{ExitCode, exit_code, reason};
use crate::size::Size;

/// A row for each that is configured.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<Row> {
    let (image, measured) = (&subject.project.delivery.image, subject.image.size);
    let budget = image.max_size.map(|budget| size(budget, measured));
    let naive = image.naive.as_ref().zip(subject.baseline);
    let naive = naive.map(|(naive, baseline)| self::naive(naive, baseline, measured));
    budget.into_iter().chain(naive).collect()
}

fn size(budget: Size, measured: u64) -> Row {
    let remedy = "take out what need not be in it, as `docker history` shows it, or raise image.max_size";
    Row::new("size", Verdict::Skipped, Size::from(measured).to_string(), remedy).limited(measured, budget.bytes())
}

fn naive(naive: &Naive, baseline: &anyhow::Result<Baseline>, measured: u64) -> Row {
    let remedy = "cargo xtask docker-build --builder container says what is missing";
    match baseline {
        Ok(baseline) => against(baseline, naive, measured),
        Err(error) => {
            // What could be built and does not is no reason to look away.
            let verdict = if exit_code(error) == ExitCode::Failed { Verdict::Failed } else { Verdict::Skipped };
            Row::new("naive", verdict, reason(error), remedy)
        }
    }
}

fn against(baseline: &Baseline, naive: &Naive, measured: u64) -> Row {
    let remedy = "copy into the Dockerfile's last stage only what runs, not what it was compiled with";
    let saved = 100.0 - 100.0 * measured as f64 / baseline.size.max(1) as f64;
    let found = format!("{saved:.1}% smaller than {} with {}", baseline.reference, Size::from(baseline.size));
    let row = Row::new("naive", Verdict::Skipped, found, remedy);
    row.limited(measured, naive.smaller_by.less_of(baseline.size)).allowing(format!("at least {}", naive.smaller_by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_passes_up_to_its_limit() {
        let budget = Size::from(1_000);
        assert_eq!(size(budget, 1_000).verdict, Verdict::Passed);
        assert_eq!(size(budget, 1_001).verdict, Verdict::Failed);
    }

    #[test]
    fn the_naive_image_is_held_against_by_its_share() {
        let baseline = Baseline { reference: "shop:naive".into(), size: 1_000 };
        let naive = Naive { dockerfile: String::new(), smaller_by: "30%".to_owned().try_into().unwrap() };
        let row = against(&baseline, &naive, 700);
        assert_eq!((row.verdict, row.limit), (Verdict::Passed, Some(700)));
        assert_eq!(
            (row.found.as_str(), row.allowed.as_str()),
            ("30.0% smaller than shop:naive with 1kB", "at least 30%")
        );
        assert_eq!(against(&baseline, &naive, 701).verdict, Verdict::Failed);
    }
}
