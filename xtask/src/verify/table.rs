//! The mission's acceptance criteria and deliverables, one by one: what each asks, how it is measured, where it stands.

use super::measured::Measured;
use super::verdict::Shown;
use super::{compose, configuration, documents, image, pipeline, refusals, rollout, template};

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Criterion {
    /// `A` and a number for an acceptance criterion, `D` and a number for a deliverable, of that task.
    pub(super) id: &'static str,
    /// What it asks.
    pub(super) asks: &'static str,
    /// How that is measured.
    pub(super) how: &'static str,
    /// The files of code and tests that it stands in, from the project's root.
    pub(super) stands: &'static [&'static str],
    pub(super) measure: fn(&Measured<'_>) -> Shown,
}

const UNDER_LOAD: &str =
    "one load through two deploys, a rejected release and two rollbacks, as processes and in containers";
const DEPLOY: &str = ".github/workflows/deploy.yml";
const CI_CD: &str = ".github/workflows/ci-cd.yml";
const COMPOSE: &str = "docker/docker-compose.yml";
const DOCKERFILE: &str = "docker/Dockerfile";
const STEPS: &str = "xtask/src/ci/steps.rs";
const IMAGE_CHECK: &str = "xtask/src/image_check/";
const IMAGES: &str = "xtask/tests/scenarios/images/";
const LINTED: &str = "xtask/tests/scenarios/linted.rs";
const ENGINE: &str = "xtask/src/rollout/engine/";
const LIFECYCLE: &str = "xtask/tests/scenarios/lifecycle.rs";

/// All of them, in the mission's order.
pub(super) const CRITERIA: &[Criterion] = &[
    Criterion {
        id: "A1.1",
        asks: "The pipeline triggers on a push to main",
        how: "the triggers of the workflow that deploys",
        stands: &[DEPLOY],
        measure: pipeline::triggers,
    },
    Criterion {
        id: "A1.2",
        asks: "Tests run and must pass before a deployment",
        how: "the jobs that each delivering job waits for, and the groups of steps they run",
        stands: &[DEPLOY, CI_CD, STEPS],
        measure: pipeline::tests_first,
    },
    Criterion {
        id: "A1.3",
        asks: "The application is built and packaged correctly",
        how: "the image, built and started: `cargo xtask image-check`",
        stands: &[DOCKERFILE, "xtask/src/image/", IMAGES],
        measure: image::packaged,
    },
    Criterion {
        id: "A1.4",
        asks: "Deployment to staging is automated",
        how: "the job that deploys to each environment without protection, and asks for its health",
        stands: &[DEPLOY],
        measure: pipeline::staging,
    },
    Criterion {
        id: "A2.1",
        asks: "The image is at least 30 % smaller",
        how: "the image and the one that is written first, both built: `cargo xtask image-check`",
        stands: &[DOCKERFILE, "docker/Dockerfile.naive", "xtask/src/image_check/size.rs", IMAGES],
        measure: image::smaller,
    },
    Criterion {
        id: "A2.2",
        asks: "No critical or high vulnerability in the final image",
        how: "what the image says it is made of, against the advisories: `cargo xtask image-check`",
        stands: &["xtask/src/image_check/vulnerabilities.rs", "xtask/src/advisories/", IMAGES],
        measure: image::vulnerabilities,
    },
    Criterion {
        id: "A2.3",
        asks: "The application starts within 5 s in its container",
        how: "five starts of a container, to the first good answer: `cargo xtask image-check`",
        stands: &["xtask/src/image_check/start.rs", IMAGES],
        measure: image::start,
    },
    Criterion {
        id: "A2.4",
        asks: "Resource limits are properly configured",
        how: "the Compose file, what the kernel holds, and a service that wants too much: `cargo xtask image-check`",
        stands: &[COMPOSE, "xtask/src/image_check/limits.rs", IMAGES],
        measure: image::limits,
    },
    Criterion {
        id: "A3.1",
        asks: "Environment-specific values are externalised",
        how: "`cargo xtask config-lint`, and where each value that differs comes from",
        stands: &["config/delivery.toml", "xtask/src/config_lint/", LINTED],
        measure: configuration::externalised,
    },
    Criterion {
        id: "A3.2",
        asks: "Secrets are managed and not exposed in code",
        how: "a search of all files, and secrets given to the service that it must not show",
        stands: &["xtask/src/config_lint/committed/", "xtask/src/secrets.rs", "xtask/tests/scenarios/secrets.rs"],
        measure: configuration::secrets,
    },
    Criterion {
        id: "A3.3",
        asks: "Validation prevents a start with invalid settings",
        how: "the service started with one setting wrong after another, in every environment",
        stands: &["xtask/src/service.rs", "xtask/tests/scenarios/rejected.rs"],
        measure: refusals::refused,
    },
    Criterion {
        id: "A3.4",
        asks: "Easy switching between environments",
        how: "one binary asked for its settings as each environment, with one variable changed",
        stands: &["config/delivery.toml", "docs/configuration.md"],
        measure: configuration::switching,
    },
    Criterion {
        id: "A4.1",
        asks: "Deployment with zero downtime",
        how: UNDER_LOAD,
        stands: &[ENGINE, "xtask/src/router/", LIFECYCLE],
        measure: rollout::zero_downtime,
    },
    Criterion {
        id: "A4.2",
        asks: "Traffic shifts gradually",
        how: "the releases that answer during each step of such a deploy",
        stands: &["xtask/src/rollout/plan.rs", "xtask/src/router/haproxy.rs", LIFECYCLE],
        measure: rollout::gradual,
    },
    Criterion {
        id: "A4.3",
        asks: "Health checks validate before traffic shifts",
        how: "the journal of such a deploy, and the deploy of a release that never becomes ready",
        stands: &["xtask/src/rollout/engine/gates.rs", "xtask/tests/scenarios/rejected.rs"],
        measure: rollout::gated,
    },
    Criterion {
        id: "A4.4",
        asks: "Rollback in under 5 minutes",
        how: "a rollback to a colour that runs, and one to a release that has to be started again",
        stands: &["xtask/src/rollback.rs", LIFECYCLE],
        measure: rollout::rollback,
    },
    Criterion {
        id: "D1.1",
        asks: "deploy.yml: environment-specific deployment logic",
        how: "the job of each environment, its secrets and its smoke test",
        stands: &[DEPLOY],
        measure: pipeline::environments,
    },
    Criterion {
        id: "D1.2",
        asks: "deploy.yml: version tagging automation",
        how: "the job that names a release before any deploys it",
        stands: &[DEPLOY],
        measure: pipeline::tagging,
    },
    Criterion {
        id: "D1.3",
        asks: "deploy.yml: deployment notifications",
        how: "the job that tells of a failure, and the channels there are",
        stands: &[DEPLOY, "config/delivery.toml"],
        measure: pipeline::notifications,
    },
    Criterion {
        id: "D1.4",
        asks: "ci-cd.yml: pull request validation",
        how: "its triggers, and the groups of steps it runs",
        stands: &[CI_CD],
        measure: pipeline::pull_requests,
    },
    Criterion {
        id: "D1.5",
        asks: "ci-cd.yml: code quality checks",
        how: "the steps of the group that it runs",
        stands: &[CI_CD, STEPS],
        measure: pipeline::quality,
    },
    Criterion {
        id: "D1.6",
        asks: "ci-cd.yml: security scanning",
        how: "the steps of the group that it runs",
        stands: &[CI_CD, STEPS],
        measure: pipeline::security,
    },
    Criterion {
        id: "D1.7",
        asks: "ci-cd.yml: test coverage reporting",
        how: "the step that it runs, and the floors it is held against",
        stands: &[CI_CD, STEPS, "xtask/src/coverage/"],
        measure: pipeline::coverage,
    },
    Criterion {
        id: "D1.8",
        asks: "Documentation of pipeline structure and triggers",
        how: "every job and every step, looked for in the page",
        stands: &["docs/pipeline.md"],
        measure: pipeline::documented,
    },
    Criterion {
        id: "D2.1",
        asks: "Dockerfile: separate build and runtime stages",
        how: "its stages, and what the last of them does",
        stands: &[DOCKERFILE],
        measure: image::stages,
    },
    Criterion {
        id: "D2.2",
        asks: "Dockerfile: layer caching",
        how: "what is compiled before the sources are copied",
        stands: &[DOCKERFILE, "xtask/src/image/skeleton.rs"],
        measure: image::layers,
    },
    Criterion {
        id: "D2.3",
        asks: "Dockerfile: reduced final image size",
        how: "the image against its budget: `cargo xtask image-check`",
        stands: &[DOCKERFILE, IMAGE_CHECK],
        measure: image::budget,
    },
    Criterion {
        id: "D2.4",
        asks: "docker-compose.yml: networks and volumes",
        how: "the file as Compose reads it for each environment",
        stands: &[COMPOSE],
        measure: compose::networks_and_volumes,
    },
    Criterion {
        id: "D2.5",
        asks: "docker-compose.yml: resource constraints",
        how: "the file as Compose reads it for each environment",
        stands: &[COMPOSE],
        measure: compose::constraints,
    },
    Criterion {
        id: "D2.6",
        asks: "docker-compose.yml: health checks",
        how: "the file as Compose reads it for each environment, and the image",
        stands: &[COMPOSE, DOCKERFILE],
        measure: compose::health,
    },
    Criterion {
        id: "D2.7",
        asks: "docker-compose.yml: restart policies",
        how: "the file as Compose reads it for each environment",
        stands: &[COMPOSE],
        measure: compose::restarts,
    },
    Criterion {
        id: "D3.1",
        asks: "A base configuration, and one for each environment over it",
        how: "where the service says that each value comes from, and what it overrides",
        stands: &["config/", "docs/configuration.md"],
        measure: configuration::layers,
    },
    Criterion {
        id: "D3.2",
        asks: "Environment variables are loaded",
        how: "the values that the service says come from one",
        stands: &["config/delivery.toml", "docs/configuration.md"],
        measure: configuration::variables,
    },
    Criterion {
        id: "D3.3",
        asks: ".env.template: every variable, comments, safe defaults",
        how: "the template against the settings the service says it has",
        stands: &["xtask/src/config_lint/generated.rs"],
        measure: template::whole,
    },
    Criterion {
        id: "D4.1",
        asks: "scripts/deploy-blue-green.sh",
        how: "run from another folder",
        stands: &["scripts/deploy-blue-green.sh", "xtask/tests/scenarios/scripts.rs"],
        measure: documents::deploy_script,
    },
    Criterion {
        id: "D4.2",
        asks: "scripts/health-check.sh",
        how: "run from another folder",
        stands: &["scripts/health-check.sh", "xtask/tests/scenarios/scripts.rs"],
        measure: documents::health_script,
    },
    Criterion {
        id: "D4.3",
        asks: "scripts/rollback.sh",
        how: "run from another folder",
        stands: &["scripts/rollback.sh", "xtask/tests/scenarios/scripts.rs"],
        measure: documents::rollback_script,
    },
    Criterion {
        id: "D4.4",
        asks: "Deployment logic: environment setup",
        how: "`cargo xtask up` where nothing is",
        stands: &["xtask/src/up.rs", LIFECYCLE],
        measure: rollout::set_up,
    },
    Criterion {
        id: "D4.5",
        asks: "Deployment logic: container deployment",
        how: "the same deploys and rollbacks in containers",
        stands: &["xtask/src/runtime/compose/", "xtask/tests/scenarios/containers/"],
        measure: rollout::in_containers,
    },
    Criterion {
        id: "D4.6",
        asks: "Deployment logic: health checking",
        how: "as A4.3",
        stands: &["xtask/src/runtime/readiness.rs", "xtask/src/health_check.rs"],
        measure: rollout::gated,
    },
    Criterion {
        id: "D4.7",
        asks: "Deployment logic: traffic switching",
        how: "as A4.2",
        stands: &["xtask/src/router/haproxy.rs", "docker/haproxy/haproxy.cfg"],
        measure: rollout::gradual,
    },
    Criterion {
        id: "D4.8",
        asks: "Deployment logic: monitoring integration",
        how: "`cargo xtask monitoring --check`, for every environment",
        stands: &[
            "docker/prometheus/",
            "docker/grafana/",
            "xtask/src/monitoring/",
            "xtask/tests/scenarios/monitoring/",
        ],
        measure: documents::monitoring,
    },
    Criterion {
        id: "D5.1",
        asks: "Test environments that mirror production",
        how: "all keys by which the two differ",
        stands: &["xtask/src/mirror.rs"],
        measure: documents::mirrors,
    },
    Criterion {
        id: "D5.2",
        asks: "Performance testing in the pipeline",
        how: "the steps of the group that ci-cd.yml runs",
        stands: &[CI_CD, STEPS, "xtask/src/bench/"],
        measure: pipeline::performance,
    },
    Criterion {
        id: "D5.3",
        asks: "Security review of all configuration management",
        how: "what the page says of each threat",
        stands: &["docs/security-review.md", "xtask/tests/security_review.rs"],
        measure: documents::security_review,
    },
    Criterion {
        id: "D5.4",
        asks: "Robust rollback procedures and monitoring",
        how: "what the page says to type",
        stands: &["docs/runbook.md"],
        measure: documents::runbook,
    },
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_acceptance_criterion_is_here_once_and_stands_where_it_is_said_to() {
        let ids: Vec<_> = CRITERIA.iter().map(|criterion| criterion.id).collect();
        let acceptance: Vec<_> =
            (1..=4).flat_map(|task| (1..=4).map(move |number| format!("A{task}.{number}"))).collect();
        assert_eq!(ids[..16], acceptance);
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for criterion in CRITERIA {
            assert!(!criterion.stands.is_empty(), "{}", criterion.id);
            // A service of one's own comes without these tests.
            let is_here = |path: &&&str| !path.starts_with("xtask/tests/") || root.join("xtask/tests").is_dir();
            for path in criterion.stands.iter().filter(is_here) {
                assert!(root.join(path).exists(), "{}: {path} is not there", criterion.id);
            }
        }
    }
}
