//! What `docker save` writes: one archive with the layers in it, and documents that say which they are. Engines before 25 have
//! a folder for each layer; later ones the blobs of the OCI image layout, where a layer can be compressed. The documents come
//! last, so every layer is read as it passes.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::rc::Rc;

use anyhow::{Context as _, bail, ensure};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::guard::{self, each};
use super::layer::{self, clean};
use super::{Contents, Entry, Layer};

/// The longest document, and all of them together, in bytes.
const DOCUMENT: u64 = 4 << 20;
const DOCUMENTS: usize = 64 << 20;
/// How many layers an image can have; engines stop at 127.
const LAYERS: usize = 1000;
/// How deep one index can stand in another.
const DEPTH: usize = 4;
/// Where a tar archive's first header says what it is, and how long that header is.
const MAGIC: std::ops::Range<usize> = 257..262;
const HEADER: u64 = 512;

/// Reads it to its end.
///
/// # Errors
/// When it is no image, or one that cannot be read within bounds.
pub fn read(stream: &mut dyn Read) -> anyhow::Result<Contents> {
    let mut archive = Archive { blobs: BTreeMap::new(), room: layer::ROOM, documents: DOCUMENTS };
    each(stream, |entry| archive.take(entry))?;
    archive.image()
}

struct Archive {
    blobs: BTreeMap<String, Blob>,
    /// How much more there is room for, of layers and of documents.
    room: usize,
    documents: usize,
}

enum Blob {
    Document(Vec<u8>),
    Layer(Rc<Vec<Entry>>),
    /// The same as another.
    Link(String),
    Unreadable(String),
}

/// `manifest.json` of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    layers: Vec<String>,
}

/// An index or a manifest of the OCI image layout.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    config: Option<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
}

/// What an image says of itself.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    history: Vec<Instruction>,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct Instruction {
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    empty_layer: bool,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

impl Archive {
    fn take(&mut self, entry: &mut guard::Entry<'_, '_>) -> io::Result<()> {
        let path = clean(&entry.path_bytes());
        let blob = match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => self.blob(entry)?,
            // Engines save a layer that occurs twice as a link to itself.
            tar::EntryType::Symlink | tar::EntryType::Link => {
                let is_relative = entry.header().entry_type().is_symlink();
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                let target = entry.link_name_bytes().unwrap_or_default();
                let target = String::from_utf8_lossy(&target).into_owned();
                let target = if is_relative { format!("{folder}/{target}") } else { target };
                Some(Blob::Link(clean(target.as_bytes())))
            }
            _ => None,
        };
        let Some(blob) = blob else { return Ok(()) };
        self.room = self.room.checked_sub(256 + path.len()).ok_or_else(|| io::Error::other("it has too many parts"))?;
        self.blobs.insert(path, blob);
        Ok(())
    }

    /// Whatever it is, by how it begins: names tell nothing in the OCI layout.
    fn blob(&mut self, entry: &mut guard::Entry<'_, '_>) -> io::Result<Option<Blob>> {
        let size = entry.size();
        let mut head = Vec::new();
        entry.take(HEADER).read_to_end(&mut head)?;
        let is_tar = head.get(MAGIC) == Some(b"ustar") || (!head.is_empty() && head.iter().all(|byte| *byte == 0));
        let is_gzip = head.starts_with(&[0x1f, 0x8b]);
        if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Ok(Some(Blob::Unreadable("it is compressed by zstd".into())));
        }
        if is_tar || is_gzip {
            let mut whole = head.as_slice().chain(entry);
            let read = if is_gzip {
                layer::read(&mut MultiGzDecoder::new(whole), &mut self.room)
            } else {
                layer::read(&mut whole, &mut self.room)
            };
            let layer = read.map(|entries| Blob::Layer(Rc::new(entries)));
            return Ok(Some(layer.unwrap_or_else(|error| Blob::Unreadable(error.to_string()))));
        }
        if !head.starts_with(b"{") && !head.starts_with(b"[") || size > DOCUMENT {
            return Ok(None);
        }
        entry.read_to_end(&mut head)?;
        self.documents =
            self.documents.checked_sub(head.len()).ok_or_else(|| io::Error::other("it has too many documents"))?;
        Ok(Some(Blob::Document(head)))
    }

    /// The image that the documents tell of.
    fn image(&self) -> anyhow::Result<Contents> {
        let (config, layers) = self.manifest()?;
        ensure!(layers.len() <= LAYERS, "it has {} layers", layers.len());
        let config: Config = self.document(&config)?;
        // Where a layer was imported, the instruction is empty and its place is taken all the same.
        let made_by = config.history.iter().filter(|instruction| !instruction.empty_layer);
        let mut made_by = made_by.map(|instruction| told(&instruction.created_by));
        let mut digests = config.rootfs.diff_ids.iter().map(|digest| told(digest));
        let layers = layers.iter().map(|name| {
            let digest = digests.next().unwrap_or_else(|| name.clone());
            Ok(Layer { digest, made_by: made_by.next().filter(|told| !told.is_empty()), entries: self.layer(name)? })
        });
        let layers = layers.collect::<anyhow::Result<_>>()?;
        Ok(Contents { layers, history: config.history.iter().map(|it| told(&it.created_by)).collect() })
    }

    /// The names of an image's configuration and of its layers.
    fn manifest(&self) -> anyhow::Result<(String, Vec<String>)> {
        if self.blobs.contains_key("manifest.json") {
            let saved: Vec<Saved> = self.document("manifest.json")?;
            let saved = saved.into_iter().next().context("its manifest.json names no image")?;
            return Ok((saved.config, saved.layers));
        }
        let mut manifest: Manifest =
            self.document("index.json").context("it has neither manifest.json nor index.json")?;
        for _ in 0..DEPTH {
            if let Some(config) = &manifest.config {
                let layers = manifest.layers.iter().map(|layer| name(&layer.digest));
                return Ok((name(&config.digest), layers.collect()));
            }
            // What has no platform that is known is no image but tells of one.
            let of_an_image = |one: &&Descriptor| one.platform.as_ref().is_none_or(|platform| platform.os != "unknown");
            let next = manifest.manifests.iter().find(of_an_image).context("its index names no image")?;
            manifest = self.document(&name(&next.digest))?;
        }
        bail!("its indexes name nothing but indexes")
    }

    fn document<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<T> {
        match self.found(name)? {
            Blob::Document(text) => serde_json::from_slice(text).with_context(|| format!("reading {name}")),
            _ => bail!("{name} is no document"),
        }
    }

    fn layer(&self, name: &str) -> anyhow::Result<Rc<Vec<Entry>>> {
        match self.found(name)? {
            Blob::Layer(entries) => Ok(Rc::clone(entries)),
            Blob::Unreadable(why) => bail!("of its layer {name}: {why}"),
            Blob::Document(_) | Blob::Link(_) => bail!("{name} is no layer"),
        }
    }

    fn found(&self, name: &str) -> anyhow::Result<&Blob> {
        let name = clean(name.as_bytes());
        let found = match self.blobs.get(&name) {
            Some(Blob::Link(target)) => self.blobs.get(target),
            found => found,
        };
        found.with_context(|| format!("{name} is missing"))
    }
}

/// Where the OCI layout has what has this digest.
fn name(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

/// An instruction on one line, without what the engine's own builder puts before it.
fn told(text: &str) -> String {
    let text = crate::foreign::plain(text);
    let text = text.split_once("#(nop)").map_or(text.as_str(), |(_, instruction)| instruction);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
