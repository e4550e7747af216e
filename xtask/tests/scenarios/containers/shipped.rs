//! Images that come from elsewhere: by name, by digest, from a registry.

use super::*;

#[test]
fn an_image_that_does_not_exist_or_is_for_another_machine_is_refused_before_anything_starts() {
    let Some(fixture) = fixture() else { return };
    let deploy = |image: &str| fixture.run(&["deploy-blue-green", "--image", image]);
    let image = "127.0.0.1:9/no/such:image";
    deploy(image).refused(69, &["is not there and cannot be pulled", &format!("next: docker pull {image}")]);
    let foreign = format!("{}/app:foreign", fixture.stack("test"));
    let config = r#"{"architecture":"s390x","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    fixture.write("config.json", config);
    fixture.write("manifest.json", &format!(r#"[{{"Config":"config.json","RepoTags":["{foreign}"],"Layers":[]}}]"#));
    let archive = fixture.root().join("foreign.tar");
    let archive = archive.to_str().unwrap();
    let mut packed = Command::new("tar");
    packed.args(["-cf", archive, "-C"]).arg(fixture.root());
    assert!(packed.args(["config.json", "manifest.json"]).status().unwrap().success());
    docker(&["load", "--input", archive]).unwrap();
    deploy(&foreign).refused(69, &["is built for linux/s390x", "the Docker engine runs linux/"]);
    assert_eq!(fixture.status()["colours"]["blue"]["state"], "absent");
}

#[test]
fn a_release_is_pushed_removed_and_deployed_by_the_digest_it_is_pulled_by() {
    let Some(fixture) = fixture() else { return };
    let (_registry, address) = registry(&fixture);
    let reference = format!("{address}/shop/app:1.0.0");
    // An image of its own: one that other tests run as well cannot be removed.
    let binary = fixture.root().join("service");
    fs::copy(service(), &binary).unwrap();
    fs::File::options().append(true).open(&binary).unwrap().write_all(fixture.stack("").as_bytes()).unwrap();
    let args = ["docker-build", "--binary", binary.to_str().unwrap(), "--tag", &reference, "--push", "--json"];
    let built: serde_json::Value = serde_json::from_str(&fixture.run(&args).ok().stdout).unwrap();
    let digest = built["digest"].as_str().unwrap().to_owned();
    assert!(digest.contains("@sha256:"), "{built}");
    // By its names: as an id it may be what another image was made from.
    docker(&["rmi", "--force", &reference, &digest]).unwrap();
    assert!(docker(&["inspect", "--type", "image", &digest]).is_none());
    taken_from_the_registry(&fixture, &reference, &digest);
    docker(&["rmi", "--force", &reference, &digest]).unwrap();
    fixture.run(&["deploy-blue-green", "--image", &digest, "--release", "pulled"]).ok();
    assert_eq!(fixture.status()["colours"]["blue"]["release"], "pulled");
    fixture.run(&["health-check"]).ok();
    docker(&["rmi", "--force", &reference, &digest]);
}

/// What is in the registry is taken and not built again, what is not is not made up, and a registry that is not there is none.
fn taken_from_the_registry(fixture: &Fixture, reference: &str, digest: &str) {
    let outputs = fixture.root().join("outputs");
    let sbom = fixture.root().join("bill.json");
    let take = |name: &str, reuse: &str| {
        let args = ["docker-build", "--tag", name, "--push", reuse, "--sbom", sbom.to_str().unwrap(), "--json"];
        Ran::from(fixture.xtask(&args).env("GITHUB_OUTPUT", &outputs).output().unwrap())
    };
    for reuse in ["--reuse", "--reuse=only"] {
        let taken: serde_json::Value = serde_json::from_str(&take(reference, reuse).ok().stdout).unwrap();
        assert_eq!((&taken["digest"], &taken["reused"]), (&digest.into(), &true.into()), "{taken}");
        let bill: serde_json::Value = serde_json::from_str(&fs::read_to_string(&sbom).unwrap()).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        fs::remove_file(&sbom).unwrap();
    }
    let sha = digest.split_once('@').unwrap().1;
    let told = format!("image={digest}\ndigest={sha}\n");
    assert_eq!(fs::read_to_string(&outputs).unwrap(), told.repeat(2));
    let (registry, _) = reference.split_once('/').unwrap();
    let missing = [format!("{registry}/shop/app:2.0.0"), format!("{registry}/shop/none:1.0.0")];
    for name in &missing {
        take(name, "--reuse=only").refused(1, &["is not in its registry", "builds nothing"]);
    }
    take("127.0.0.1:9/shop/app:1.0.0", "--reuse").refused(69, &["that does not say", "connection refused"]);
    assert_eq!(fs::read_to_string(&outputs).unwrap(), told.repeat(2));
}

/// A registry of its own; its address.
pub(super) fn registry(fixture: &Fixture) -> (Background, String) {
    let (address, data) = (free_address(), fixture.root().join("registry"));
    let config = format!(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
        data.display()
    );
    fixture.write("registry.yml", &config);
    let mut registry = Command::new("docker-registry");
    let registry = Background::start(registry.arg("serve").arg(fixture.root().join("registry.yml")));
    eventually("the registry listens", || TcpStream::connect(&address).is_ok());
    (registry, address)
}

#[test]
fn the_proxys_image_gets_its_name_once_it_accepts_the_configuration() {
    let Some(fixture) = fixture() else { return };
    let own = format!("{}/proxy:own", fixture.stack("test"));
    fixture.edit_delivery(&format!("image = \"{PROXY_IMAGE}\""), &format!("image = \"{own}\""));
    let path = "docker/haproxy/haproxy.cfg";
    let right = fixture.read(path);
    fixture.write(path, &right.replace("option redispatch 1", "option redispach 1"));
    let expected = ["refuses its configuration for development", "[docker/haproxy/haproxy.cfg:", "redispach"];
    fixture.release("up", "v1", &["--runtime", "compose"]).refused(78, &expected);
    assert_eq!(docker(&["image", "inspect", &own]), None);
    fixture.write(path, &right);
    fixture.release("up", "v1", &["--runtime", "compose"]).ok();
    let user = docker(&["image", "inspect", "--format", "{{.Config.User}}", &own]);
    assert_eq!(user.as_deref().map(str::trim), Some("65532:65532"));
}
