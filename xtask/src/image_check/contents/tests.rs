use std::io::Read;
use std::path::Path;

use super::*;

/// An archive of the fuzzer's corpus.
fn saved(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/image_archive");
    std::fs::read(folder.join(name)).unwrap()
}

fn contents(archive: &[u8]) -> anyhow::Result<Contents> {
    read(&mut &*archive)
}

/// An archive of files, by name.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn image(layers: &[Vec<u8>]) -> Vec<u8> {
    let names: Vec<_> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = serde_json::json!([{ "Config": "config.json", "Layers": names }]).to_string();
    let config = br#"{"rootfs":{"type":"layers"}}"#;
    let mut files: Vec<_> = names.iter().map(String::as_str).zip(layers.iter().map(Vec::as_slice)).collect();
    files.extend([("config.json", &config[..]), ("manifest.json", manifest.as_bytes())]);
    archive(&files)
}

fn paths(contents: &Contents) -> Vec<String> {
    Tree::of(contents).entries().map(|entry| entry.path.clone()).collect()
}

#[test]
fn whichever_way_it_was_saved_a_layer_takes_away_from_those_below() {
    let long = format!("a/{}name", "long/".repeat(40));
    for (name, layers) in [("legacy", 3), ("oci", 2), ("gnu", 2)] {
        let contents = contents(&saved(name)).unwrap();
        assert_eq!(contents.layers.len(), layers, "{name}");
        // The third of the first is its first once more.
        let expected = if layers == 3 {
            vec![long.as_str(), "again", "app", "app/.env", "app/service", "bin", "bin/sh", "dev/null", "service"]
        } else {
            vec![&long, "again", "app", "app/service", "bin", "dev/null", "service"]
        };
        assert_eq!(paths(&contents), expected, "{name}");
    }
}

#[test]
fn what_is_told_of_a_file_is_found_through_every_name_of_it() {
    let contents = contents(&saved("oci")).unwrap();
    let tree = Tree::of(&contents);
    for name in ["/app/service", "service", "again", "app/../service", "./app//service"] {
        let service = tree.find(name).unwrap();
        assert_eq!(
            (service.path.as_str(), service.mode, service.has_capabilities),
            ("app/service", 0o755, true),
            "{name}"
        );
        let Some(Ok(packages)) = &service.noted.made_of else { panic!("{service:?}") };
        assert_eq!(packages.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["shop", "time"]);
    }
    assert_eq!(tree.find("nowhere"), None);
    let made_by: Vec<_> = contents.layers.iter().map(|layer| layer.made_by.as_deref()).collect();
    assert_eq!(made_by, [Some("COPY dir:1 in /"), Some("RUN |1 TOKEN=hunter2 /bin/sh -c make")]);
    assert!(contents.layers.iter().all(|layer| layer.digest.starts_with("sha256:")), "{contents:?}");
}

#[test]
fn an_instruction_that_says_nothing_keeps_its_layers_place() {
    let config = br#"{"rootfs":{},"history":[{},{"created_by":"ENV A=b","empty_layer":true},{"created_by":"COPY b"}]}"#;
    let manifest = br#"[{"Config":"config.json","Layers":["0","1"]}]"#;
    let layer = archive(&[("a", b"")]);
    let files = [("0", &layer[..]), ("1", &layer), ("config.json", config), ("manifest.json", manifest)];
    let layers = contents(&archive(&files)).unwrap().layers;
    assert_eq!(layers.iter().map(|layer| layer.made_by.as_deref()).collect::<Vec<_>>(), [None, Some("COPY b")]);
}

#[test]
fn a_link_that_leads_to_itself_leads_nowhere_and_a_folders_link_is_followed() {
    let mut builder = tar::Builder::new(Vec::new());
    let links = [("bin", "usr/bin"), ("one", "two"), ("two", "/one")];
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        builder.append_link(&mut header, name, target).unwrap();
    }
    let contents = contents(&image(&[builder.into_inner().unwrap(), archive(&[("usr/bin/sh", b"")])])).unwrap();
    let tree = Tree::of(&contents);
    assert_eq!(tree.find("/bin/sh").unwrap().path, "usr/bin/sh");
    assert_eq!(tree.find("one"), None);
}

#[test]
fn a_secret_is_noted_and_neither_data_nor_a_large_text_is_searched() {
    let key = ["AK", "IA", "K4QZ7XN2WJ5RT3VM"].concat().into_bytes();
    let data = [b"\0", key.as_slice()].concat();
    let large = [key.as_slice(), &vec![b' '; 1 << 20]].concat();
    let files = archive(&[("key", key.as_slice()), ("data", &data), ("large", &large)]);
    let contents = contents(&image(&[files])).unwrap();
    let [key, data, large] = &contents.layers[0].entries[..] else { panic!("{contents:?}") };
    assert_eq!(
        key.noted.secrets.iter().map(|secret| secret.kind).collect::<Vec<_>>(),
        [committed::Kind::AwsAccessKeyId]
    );
    assert_eq!((&data.noted, large.noted.secrets.len(), large.noted.is_unsearched), (&Noted::default(), 0, true));
}

#[test]
fn what_is_cut_off_anywhere_is_refused() {
    for name in ["legacy", "oci"] {
        let saved = saved(name);
        // Its last blocks are the two that end it, and what is before them may not be missing.
        for length in (0..saved.len() - 2 * 512).step_by(97) {
            assert!(contents(&saved[..length]).is_err(), "{name} at {length}");
        }
    }
    assert!(contents(&saved("no_image")).unwrap_err().to_string().contains("neither manifest.json nor index.json"));
}

#[test]
fn a_header_without_end_is_not_taken_into_memory() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_path("././@LongLink").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let mut endless = header.as_bytes().chain(std::io::repeat(b'x'));
    let refused = read(&mut endless).unwrap_err().to_string();
    assert!(refused.contains("what stands before an entry is longer"), "{refused}");
}

#[test]
fn a_layer_that_cannot_be_read_is_named_with_the_reason() {
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0; 600]].concat();
    let gzip = [&[0x1f, 0x8b][..], &[0; 600]].concat();
    let sparse = {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_path("sparse").unwrap();
        header.set_size(0);
        header.as_gnu_mut().unwrap().set_real_size(0);
        header.set_cksum();
        [header.as_bytes().as_slice(), &[0; 1024]].concat()
    };
    for (layer, expected) in [(zstd, "zstd"), (gzip, "gzip"), (sparse, "sparse"), (b"text".to_vec(), "is missing")] {
        let refused = format!("{:#}", contents(&image(&[layer])).unwrap_err());
        assert!(refused.contains("0/layer.tar") && refused.contains(expected), "{refused}");
    }
}

#[test]
fn an_archive_with_more_names_than_there_is_room_for_is_refused() {
    let layer = archive(&[("a", b""), ("b", b"")]);
    let mut room = 600;
    assert_eq!(layer::read(&mut layer.as_slice(), &mut room).unwrap().len(), 2);
    assert!(layer::read(&mut layer.as_slice(), &mut room).is_err());
}
