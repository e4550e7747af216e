//! `image-check`: holds the service's image against its budget, and against the image that one would write first.

mod kernel;
mod limits;
mod row;
mod running;
mod start;

use crate::delivery::Naive;
use crate::docker::{self, Image};
use crate::image::{self, Baseline, Options, Place};
use crate::problem::{DEFAULT_ENVIRONMENT, ExitCode, Problem, exit_code, reason};
use crate::project::Project;
use crate::size::Size;
use crate::{out, packages};
use row::{Row, Verdict};

/// Flags of `image-check`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The image, by name or digest; it is pulled if need be. Without it, one is built as `docker-build` does.
    image: Option<String>,
    /// The environment whose profile it is built with. Without it, the first that is protected: that is what is released.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a verdict for each row.
///
/// # Errors
/// A [`Problem`] with exit code 1 when one of them fails, 69 when there is no image to look at.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let project = Project::here()?;
    let delivery = &project.delivery;
    let protected = delivery.environments.iter().find(|(_, environment)| environment.protected);
    let released = protected.map_or(DEFAULT_ENVIRONMENT, |(name, _)| name.as_str());
    let environment = delivery.environment(args.env.as_deref().unwrap_or(released))?;
    let reference = match &args.image {
        Some(reference) => reference.clone(),
        None => {
            let profile = environment.profile.clone();
            image::build(&project, &Options { profile, place: Place::Auto, ..Options::default() })?.reference
        }
    };
    let image = docker::obtain(&reference)?;
    let (budget, to_compare) = (delivery.image.max_size, delivery.image.naive.as_ref());
    let rows = budget.map(|budget| size(budget, image.size)).into_iter();
    let rows = rows.chain(to_compare.map(|to_compare| naive(&project, to_compare, image.size))).chain([user(&image)]);
    let rows = rows.chain(running::rows(&project, args.env.as_deref().unwrap_or(released), environment, &reference)?);
    let rows: Vec<_> = rows.collect();
    // Nobody looks at what a CI system has skipped.
    let failed = |row: &&Row| row.verdict == Verdict::Failed || (row.verdict == Verdict::Skipped && packages::is_ci());
    let failed: Vec<_> = rows.iter().filter(failed).collect();
    if args.json {
        let report = serde_json::json!({ "image": reference, "id": image.id, "ok": failed.is_empty(), "rows": rows });
        out!("{report}");
    } else {
        print(&reference, &rows);
    }
    if failed.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = failed.iter().map(|row| row.id).collect();
    let problem = Problem::new(ExitCode::Failed, format!("{reference} does not pass: {}.", names.join(", ")));
    let problem = problem.detail(failed.iter().map(|row| format!("{}: {}; {}", row.id, row.found, row.remedy)));
    Err(problem.next(format!("docker history {reference}")).into())
}

fn print(reference: &str, rows: &[Row]) {
    out!("{reference}");
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        };
        out!("{verdict:<8} {:<6} {}", row.id, row.found);
    }
}

fn size(budget: Size, measured: u64) -> Row {
    let remedy = "take out what need not be in it, as `docker history` shows it, or raise image.max_size";
    let found = format!("{}, at most {budget}", Size::from(measured));
    Row::new("size", Verdict::Skipped, found, remedy).limited(measured, budget.bytes())
}

fn naive(project: &Project, naive: &Naive, measured: u64) -> Row {
    Baseline::obtain(project, naive).map_or_else(
        |error| {
            // What could be built and does not is no reason to look away.
            let failed = exit_code(&error) == ExitCode::Failed;
            let verdict = if failed { Verdict::Failed } else { Verdict::Skipped };
            Row::new(
                "naive",
                verdict,
                reason(&error),
                "cargo xtask docker-build --builder container says what is missing",
            )
        },
        |baseline| against(&baseline, naive, measured),
    )
}

fn against(baseline: &Baseline, naive: &Naive, measured: u64) -> Row {
    let remedy = "copy into the Dockerfile's last stage only what runs, not what it was compiled with";
    let saved = 100.0 - 100.0 * measured as f64 / baseline.size.max(1) as f64;
    let (size, share) = (Size::from(baseline.size), naive.smaller_by);
    let found = format!("{saved:.1}% smaller than {} with {size}, at least {share}", baseline.reference);
    Row::new("naive", Verdict::Skipped, found, remedy).limited(measured, naive.smaller_by.less_of(baseline.size))
}

/// A name can be anybody's, root among them, and what is in the image decides whose.
fn user(image: &Image) -> Row {
    let user = &image.config.user;
    let numeric = user.split(':').all(|part| part.parse::<u32>().is_ok_and(|number| number != 0));
    let found = if user.is_empty() { "root, as none is named".to_owned() } else { user.clone() };
    let verdict = if numeric { Verdict::Passed } else { Verdict::Failed };
    Row::new("user", verdict, found, "USER 65532:65532, or any other number but 0, in the Dockerfile's last stage")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{ImageConfig, RootFs};

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
        assert_eq!(row.found, "30.0% smaller than shop:naive with 1kB, at least 30%");
        assert_eq!(against(&baseline, &naive, 701).verdict, Verdict::Failed);
    }
}
