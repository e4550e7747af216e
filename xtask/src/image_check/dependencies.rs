//! The crates that a program was made of, as cargo would tell of them.

use serde_json::{Value, json};

use crate::made_of::{CRATES_IO, Package, Source};

/// What `cargo metadata` would say of a workspace of such a program, whose manifest is at `manifest`: as much of it as tools
/// that look for advisories read.
pub fn metadata(packages: &[Package], manifest: &str) -> Value {
    let folder = manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
    let ids: Vec<_> = packages.iter().enumerate().map(|(place, package)| id(package, place)).collect();
    let of = |place: &usize| packages.get(*place).zip(ids.get(*place));
    let told = packages.iter().zip(&ids).map(|(package, id)| {
        let dependencies = package.dependencies.iter().filter_map(of);
        json!({
            "name": package.name,
            "version": package.version.to_string(),
            "id": id,
            "source": source(package),
            "dependencies": dependencies.map(|(other, _)| json!({
                "name": other.name, "req": "*", "kind": null, "optional": false, "uses_default_features": true,
                "features": [], "target": null, "source": source(other),
            })).collect::<Vec<_>>(),
            "targets": [],
            "features": {},
            "manifest_path": if package.root { manifest.to_owned() } else { format!("{folder}/{}/Cargo.toml", package.name) },
        })
    });
    let nodes = packages.iter().zip(&ids).map(|(package, id)| {
        let dependencies = || package.dependencies.iter().filter_map(of);
        json!({
            "id": id,
            "dependencies": dependencies().map(|(_, id)| id).collect::<Vec<_>>(),
            "deps": dependencies().map(|(other, id)| json!({
                "name": other.name.replace('-', "_"), "pkg": id, "dep_kinds": [{ "kind": null, "target": null }],
            })).collect::<Vec<_>>(),
            "features": [],
        })
    });
    let root = packages.iter().zip(&ids).find(|(package, _)| package.root).map(|(_, id)| id);
    json!({
        "packages": told.collect::<Vec<_>>(),
        "workspace_members": root.iter().collect::<Vec<_>>(),
        "resolve": { "nodes": nodes.collect::<Vec<_>>(), "root": root },
        "target_directory": format!("{folder}/target"),
        "version": 1,
        "workspace_root": folder,
        "metadata": null,
    })
}

/// Crates of other registries are none that advisories are about, so cargo is told that they lie on the disk.
fn source(package: &Package) -> Option<&'static str> {
    (package.source == Source::CratesIo).then_some(CRATES_IO)
}

fn id(package: &Package, place: usize) -> String {
    let Package { name, version, .. } = package;
    match source(package) {
        Some(registry) => format!("{registry}#{name}@{version}"),
        None => format!("path+file:///{place}/{name}#{version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_of::{parse, tests::LIST};

    #[test]
    fn a_list_says_what_depends_on_what_as_cargo_would() {
        let packages = parse(LIST.as_bytes()).unwrap();
        let metadata = metadata(&packages, "/x/Cargo.toml");
        let time = format!("{CRATES_IO}#time@0.1.43");
        assert_eq!(metadata["workspace_members"], json!(["path+file:///0/shop#0.1.0"]));
        assert_eq!(metadata["resolve"]["nodes"][0]["dependencies"], json!([time]));
        assert_eq!(metadata["packages"][1]["id"], json!(time));
        assert_eq!(metadata["packages"][0]["manifest_path"], "/x/Cargo.toml");
    }
}
