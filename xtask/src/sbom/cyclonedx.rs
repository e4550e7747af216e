//! A bill of materials as <https://cyclonedx.org/docs/1.6/json/> has it. The same image of the same commit has the same one,
//! to the byte. Pure.

use hmac_sha256::Hash;
use serde_json::{Map, Value, json};

use super::known::Known;
use crate::digest;
use crate::made_of::{DependencyKind, Package};

/// What the bill is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The program in the image.
    pub(super) binary: &'a [u8],
    /// The image's name and tag.
    pub(super) image: &'a str,
    /// The commit it is made from.
    pub(super) commit: Option<&'a str>,
    /// When it counts as made.
    pub(super) created: Option<&'a str>,
}

/// The whole document.
pub(super) fn document(parts: &[Package], known: &Known, subject: &Subject<'_>) -> Value {
    // What ran while it was compiled is not in it.
    let is_inside = |package: &&Package| package.kind == DependencyKind::Runtime;
    let inside = || parts.iter().filter(is_inside);
    let components: Vec<_> =
        inside().filter(|package| !package.root).map(|package| component(package, known)).collect();
    let dependencies: Vec<_> = inside()
        .map(|package| {
            let on = package.dependencies.iter().filter_map(|index| parts.get(*index)).filter(is_inside);
            json!({ "ref": reference(package), "dependsOn": on.map(reference).collect::<Vec<_>>() })
        })
        .collect();
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata(parts, known, subject),
        "components": components,
        "dependencies": dependencies,
    });
    document["serialNumber"] = serial_number(&document.to_string()).into();
    document
}

fn metadata(parts: &[Package], known: &Known, subject: &Subject<'_>) -> Value {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let mut properties = vec![property("image", subject.image)];
    properties.extend(subject.commit.map(|commit| property("revision", commit)));
    let mut metadata = json!({
        "tools": { "components": [{ "type": "application", "name": name, "version": version }] },
        "properties": properties,
    });
    if let Some(created) = subject.created {
        metadata["timestamp"] = created.into();
    }
    if let Some(root) = parts.iter().find(|package| package.root) {
        let mut component = component(root, known);
        component["type"] = "application".into();
        component["hashes"] = hashes(&digest::of(subject.binary));
        metadata["component"] = component;
    }
    metadata
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("switchyard:{name}"), "value": value })
}

fn component(package: &Package, known: &Known) -> Value {
    let mut component = Map::new();
    let locked = known.locked(package);
    let source = locked.and_then(|locked| locked.source.as_deref());
    component.insert("type".into(), "library".into());
    component.insert("bom-ref".into(), reference(package).into());
    component.insert("name".into(), package.name.clone().into());
    component.insert("version".into(), package.version.to_string().into());
    component.insert("purl".into(), purl(package, source).into());
    if let Some(checksum) = locked.and_then(|locked| locked.checksum.as_deref()) {
        component.insert("hashes".into(), hashes(checksum));
    }
    if let Some(licence) = known.licence(package) {
        component.insert("licenses".into(), json!([{ "expression": licence }]));
    }
    component.into()
}

fn hashes(sha256: &str) -> Value {
    json!([{ "alg": "SHA-256", "content": sha256 }])
}

/// What it is called within the document: two crates of one name and version have different sources.
fn reference(package: &Package) -> String {
    format!("{}/{}@{}", String::from(package.source.clone()), package.name, package.version)
}

/// As <https://github.com/package-url/purl-spec> has it: without more, it is one of crates.io.
fn purl(package: &Package, source: Option<&str>) -> String {
    let from = match source.and_then(|source| source.split_once('+')) {
        Some(("git", _)) => source.map(|source| format!("?vcs_url={}", encoded(source))),
        Some((_, url)) if String::from(package.source.clone()) != "crates.io" => {
            Some(format!("?repository_url={}", encoded(url)))
        }
        _ => None,
    };
    format!("pkg:cargo/{}@{}{}", package.name, encoded(&package.version.to_string()), from.unwrap_or_default())
}

fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    let letters =
        text.bytes().map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    letters.collect()
}

/// A UUID of version 8, whose makers say how it is come by: here, from all the rest.
fn serial_number(document: &str) -> String {
    let mut bytes: Vec<u8> = Hash::hash(document.as_bytes()).into_iter().take(16).collect();
    for (place, keep, version) in [(6, 0x0f, 0x80), (8, 0x3f, 0x80)] {
        bytes.get_mut(place).into_iter().for_each(|byte| *byte = (*byte & keep) | version);
    }
    let hex = digest::hex(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default().to_owned());
    format!("urn:uuid:{}", parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &str = r#"{"format":1,"packages":[
        {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"forked","version":"0.2.0","source":"git"},
        {"name":"itoa","version":"1.0.0+up","source":"crates.io"},
        {"name":"till","version":"0.1.0","source":"local","dependencies":[0,1,2],"root":true}]}"#;

    fn made(image: &str) -> Value {
        let subject = Subject { binary: b"program", image, commit: Some("abc"), created: Some("2026-01-01T00:00:00Z") };
        document(&crate::made_of::parse(PARTS.as_bytes()).unwrap(), &Known::default(), &subject)
    }

    #[test]
    fn it_has_what_is_inside_with_what_the_schema_requires_and_leaves_out_what_ran_at_compile_time() {
        let document = made("shop:1");
        assert_eq!(
            (&document["bomFormat"], &document["specVersion"], &document["version"]),
            (&"CycloneDX".into(), &"1.6".into(), &1.into())
        );
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(), ["forked", "itoa"]);
        assert!(
            components.iter().all(|it| it["type"] == "library" && it["purl"].is_string() && it["bom-ref"].is_string())
        );
        let subject = &document["metadata"]["component"];
        assert_eq!((&subject["type"], &subject["name"]), (&"application".into(), &"till".into()));
        assert_eq!(subject["hashes"][0]["content"], digest::of("program").as_str());
        let on = json!({ "ref": "local/till@0.1.0", "dependsOn": ["git/forked@0.2.0", "crates.io/itoa@1.0.0+up"] });
        assert!(document["dependencies"].as_array().unwrap().contains(&on), "{document}");
    }

    #[test]
    fn its_number_is_a_uuid_that_is_the_same_for_the_same_and_another_for_another() {
        let number = |image: &str| made(image)["serialNumber"].as_str().unwrap().to_owned();
        assert_eq!(number("shop:1"), number("shop:1"));
        assert_ne!(number("shop:1"), number("shop:2"));
        let number = number("shop:1");
        let lengths: Vec<_> = number.strip_prefix("urn:uuid:").unwrap().split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!((number.as_bytes()[23], b"89ab".contains(&number.as_bytes()[28])), (b'8', true), "{number}");
    }

    #[test]
    fn a_crate_is_named_with_where_it_comes_from() {
        let named = |source: &str, locked: Option<&str>| {
            let json = json!({ "name": "a", "version": "1.0.0+b", "source": source }).to_string();
            purl(&serde_json::from_str(&json).unwrap(), locked)
        };
        assert_eq!(
            named("crates.io", Some("registry+https://github.com/rust-lang/crates.io-index")),
            "pkg:cargo/a@1.0.0%2Bb"
        );
        assert_eq!(named("local", None), "pkg:cargo/a@1.0.0%2Bb");
        assert_eq!(
            named("git", Some("git+https://example.com/a?rev=1#abc")),
            "pkg:cargo/a@1.0.0%2Bb?vcs_url=git%2Bhttps://example.com/a%3Frev%3D1%23abc"
        );
        assert_eq!(
            named("sparse", Some("sparse+https://crates.example.com/index/")),
            "pkg:cargo/a@1.0.0%2Bb?repository_url=https://crates.example.com/index/"
        );
    }
}
