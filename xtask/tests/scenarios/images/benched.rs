//! Whether the benchmark of the image's build measures what it says, on something that takes a moment.

use std::fs;

use crate::support::{Fixture, On, builder_is_here, docker};

#[test]
fn what_a_change_of_one_line_costs_in_a_container_is_measured_on_a_copy() {
    let Some(fixture) = builder_is_here().then(|| Fixture::new(On::Compose)) else { return };
    fs::create_dir_all(fixture.root().join("shop/src")).unwrap();
    fixture.write("Cargo.toml", "[workspace]\nmembers = [\"shop\"]\nresolver = \"3\"\n");
    fixture.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n");
    fixture.write("shop/Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    fixture.write("shop/src/main.rs", "fn main() {}\n");
    let repository = format!("{}/app", fixture.root().file_name().unwrap().to_str().unwrap());
    fixture.edit_delivery("package = \"app\"", "package = \"shop\"");
    fixture.edit_delivery("binary = \"app\"", "binary = \"shop\"");
    // Neither compiles anything, and the one takes as long as the other.
    let dockerfile = |sources: &str| {
        let lines = ["ARG BUILDER_IMAGE", "FROM ${BUILDER_IMAGE}", "ARG TARGET", sources, "CMD [\"shop\"]", ""];
        lines.join("\n")
    };
    fixture.write(
        "docker/Dockerfile",
        &dockerfile("COPY source/ ./\nRUN grep -c 'const _: u128 = ' shop/src/main.rs || true"),
    );
    fixture.write("docker/Dockerfile.naive", &dockerfile("COPY . ."));
    let ran = fixture.run(&["bench", "image", "--runs", "1", "--check", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&told["figures"][0]["verdict"], &told["figures"][0]["goal"]),
        (&"missed".into(), &0.2.into()),
        "{told}"
    );
    assert!(
        told["ours"]["median"].as_f64().unwrap() > 0.0 && told["naive"]["runs"].as_array().unwrap().len() == 1,
        "{told}"
    );
    assert_eq!(told["profile"], "dev");
    let changed = ran.stderr.lines().any(|line| line.ends_with(" 1") && line.starts_with('#'));
    assert!(changed, "{}", ran.stderr);
    ran.refused(1, &["misses its goal", "next: cargo xtask bench image"]);
    assert_eq!(fixture.read("shop/src/main.rs"), "fn main() {}\n");
    assert!(!fixture.root().join("target/xtask/bench/image").exists());
    assert_eq!(docker(&["images", "--quiet", &repository]).unwrap(), "");
}
