//! That an image is the same wherever and whenever it is made, and says what it is made of.

use serde_json::Value;

use super::shop::{config, content, listing, made, workspace};
use crate::support::{Fixture, docker};

const PROGRAM: &str = "/release/service";

/// The digests of an image's layers.
fn layers(image: &str) -> String {
    docker(&["image", "inspect", "--format", "{{json .RootFS.Layers}}", image]).unwrap()
}

/// The crates that a program says it is made of.
fn parts(program: &[u8]) -> Vec<String> {
    let told = auditable_info::audit_info_from_slice(program, 1_000_000).unwrap();
    told.packages.into_iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

/// A bill of materials, without what is the image's alone.
fn bill(built: &Value) -> Value {
    let mut bill: Value = serde_json::from_slice(&std::fs::read(built["sbom"].as_str().unwrap()).unwrap()).unwrap();
    for key in ["serialNumber", "metadata"] {
        assert!(!bill[key].take().is_null(), "{bill}");
    }
    bill
}

fn reference(built: &Value) -> &str {
    built["reference"].as_str().unwrap()
}

#[test]
fn both_builders_make_the_same_image_of_any_workspace_wherever_it_lies() {
    let Some(fixture) = workspace() else { return };
    let ((inside, said), (outside, _)) = (made(&fixture, "container"), made(&fixture, "host"));
    assert!(said.contains("compiling in a container of "), "{said}");
    assert_eq!((&inside["builder"], &outside["builder"]), (&"container".into(), &"host".into()));
    are_alike(reference(&inside), reference(&outside));
    let itoa = itoa(&fixture);
    for built in [&inside, &outside] {
        let image = reference(built);
        assert_eq!(docker(&["run", "--rm", "--network=none", image]).unwrap(), "the real one: 41\n");
        let own = ["stock 0.1.0".to_owned(), "till 0.1.0".to_owned()];
        assert_eq!(
            parts(&content(image, PROGRAM)),
            [&[format!("itoa {}", itoa["version"].as_str().unwrap())], &own[..]].concat()
        );
        assert!(bill(built)["components"].as_array().unwrap().contains(&itoa), "{:#}", bill(built));
    }
    assert_eq!(bill(&inside), bill(&outside));
    // The same again, elsewhere and later.
    let again = workspace().unwrap();
    for (builder, first) in [("container", &inside), ("host", &outside)] {
        let (second, said) = made(&again, builder);
        assert!(builder == "host" || said.contains("Compiling itoa"), "it was not built again: {said}");
        assert_eq!(layers(reference(&second)), layers(reference(first)), "{builder}");
    }
}

/// Files, and how they are started and labelled.
fn are_alike(inside: &str, outside: &str) {
    let files = listing(inside);
    assert_eq!(files, listing(outside));
    let binary = "-rwxr-xr-x 0/0 release/service 1970-01-01".to_owned();
    assert!(files.contains(&binary) && files.iter().any(|file| file.contains("release/config/base.toml")), "{files:?}");
    for key in ["User", "Entrypoint", "Cmd", "Healthcheck", "StopSignal", "Labels"] {
        assert_eq!(config(inside)[key], config(outside)[key], "{key}");
    }
    let labels = [
        ("title", "till"),
        ("version", "0.1.0"),
        ("created", "2001-09-09T01:46:40Z"),
        ("source", "https://example.com/shop"),
        ("licenses", "MIT"),
    ];
    let labels = labels.map(|(name, value)| (format!("org.opencontainers.image.{name}"), Value::from(value)));
    assert_eq!(config(inside)["Labels"], Value::Object(labels.into_iter().collect()));
}

/// What is to be in the bill about the one crate that comes from the registry.
fn itoa(fixture: &Fixture) -> Value {
    let lock: toml::Table = fixture.read("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let locked = packages.iter().find(|package| package["name"].as_str() == Some("itoa")).unwrap();
    let version = locked["version"].as_str().unwrap();
    serde_json::json!({
        "type": "library",
        "bom-ref": format!("crates.io/itoa@{version}"),
        "name": "itoa",
        "version": version,
        "purl": format!("pkg:cargo/itoa@{version}"),
        "hashes": [{ "alg": "SHA-256", "content": locked["checksum"].as_str().unwrap() }],
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    })
}
