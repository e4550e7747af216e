//! Actions of somebody else's. None is run: a checkout is a clone here, what is uploaded has to be there, and the others are
//! named.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::job::JobRun;
use super::report::{StepReport, Verdict};
use crate::workflows::expression::text;
use crate::workflows::yaml::Text;
use crate::{problem, say};

/// The inputs of a checkout that make no difference here, or that are heeded.
const OF_CHECKOUT: [&str; 2] = ["persist-credentials", "fetch-depth"];

/// Does what can be done of one.
///
/// # Errors
/// When the rehearsal itself fails.
pub(super) fn run(
    job: &mut JobRun<'_>,
    uses: &Text,
    with: &Map<String, Value>,
    report: &mut StepReport,
) -> anyhow::Result<()> {
    let name = uses.split('@').next().unwrap_or_default();
    let found = match name {
        "actions/checkout" => check_out(job, with),
        "actions/upload-artifact" => upload(&job.run.stage.ground.workspace(), with),
        _ => {
            report.verdict = Verdict::NotRehearsed;
            report.reason = Some(name.to_owned());
            return Ok(());
        }
    };
    report.verdict = Verdict::Passed;
    if let Err(error) = found {
        // An input may be a secret, and what is wrong with it quotes it.
        let mask = |text: &str| job.run.stage.secrets.mask(text);
        say!("{}: {}", job.name, mask(&format!("{error:#}")));
        report.verdict = Verdict::Failed;
        report.reason = Some(mask(&problem::reason(&error)));
    }
    Ok(())
}

fn check_out(job: &mut JobRun<'_>, with: &Map<String, Value>) -> anyhow::Result<()> {
    if let Some((input, _)) = with.iter().find(|(name, _)| !OF_CHECKOUT.contains(&name.as_str())) {
        anyhow::bail!("the rehearsal knows no `{input}` of a checkout");
    }
    let depth = with.get("fetch-depth").map_or("1".into(), text);
    let depth = depth.parse().map_err(|_| anyhow::anyhow!("`{depth}` is no depth of a history"))?;
    job.run.stage.ground.check_out(job.run.stage.event, depth)?;
    job.is_checked_out = true;
    Ok(())
}

/// What is uploaded has to be there, all of it; after a failure there may be less, and then nobody looks.
fn upload(workspace: &Path, with: &Map<String, Value>) -> anyhow::Result<()> {
    let paths = with.get("path").map(text).unwrap_or_default();
    let paths: Vec<_> =
        paths.lines().map(str::trim).filter(|path| !path.is_empty() && !path.starts_with('!')).collect();
    anyhow::ensure!(!paths.is_empty(), "nothing says what is uploaded");
    let missing: Vec<_> = paths.into_iter().filter(|path| !exists(workspace, path)).collect();
    anyhow::ensure!(missing.is_empty(), "there is no {} to be uploaded", missing.join(", no "));
    Ok(())
}

/// Whether there is a file of that name; a `*` in its last part stands for any characters.
fn exists(workspace: &Path, path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else { return workspace.join(path).exists() };
    let (folder, beginning) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = fs::read_dir(workspace.join(folder)).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| name.strip_prefix(beginning).is_some_and(|rest| rest.ends_with(after.trim_start_matches('*'))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_is_uploaded_has_to_be_there() {
        let folder = TempDir::new();
        fs::create_dir(folder.path().join("reports")).unwrap();
        fs::write(folder.path().join("reports/ci.json"), "{}").unwrap();
        let uploaded = |paths: &str| {
            let with = json!({ "path": paths });
            upload(folder.path(), with.as_object().unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(uploaded("reports/ci.json\n\nreports/*.json\n!reports/none\nreports"), Ok(()));
        assert_eq!(
            uploaded("reports/ci.json\nreports/*.xml\nother").unwrap_err(),
            "there is no reports/*.xml, no other to be uploaded"
        );
        assert!(uploaded("\n").unwrap_err().contains("nothing says"));
    }
}
