//! A component package: one payload, its bill of materials, its scripts and its `PackageInfo`; what `pkgbuild` makes.

use super::{
    WriteError,
    compress::{Compression, Compressor},
    cpio,
    signer::PackageSigner,
    tree::{Contents, NodeKind, Tree},
    xar::{Archive, Encoding},
};
use crate::flat_package::{
    bom::{self, Kind},
    checksum::Style,
};
use quick_xml::escape::escape;
use std::{
    fmt::Write as _,
    io::{Read, Seek, Write},
};

/// What a component package says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSpec {
    /// The identifier its receipt carries, such as `com.example.tool`.
    pub identifier: String,
    /// Its version.
    pub version: String,
    /// The folder its payload is unpacked to, such as `/Applications`.
    pub install_location: String,
    /// The oldest macOS it may be installed on.
    pub min_os: Option<String>,
    /// How the payload is compressed.
    pub compression: Compression,
    /// Seconds since 1970, recorded as the time of the package's own parts.
    pub time: u32,
}

/// A tree and where the bytes of its files come from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What is packed.
    pub tree: &'a Tree,
    /// Opens its files.
    pub contents: &'a dyn Contents,
}

/// A component package to be written.
#[derive(Clone, Copy)]
pub struct Component<'a> {
    /// Its description.
    pub spec: &'a ComponentSpec,
    /// What it installs; `None` makes a package that only runs scripts. macOS keeps no receipt of such a package, so
    /// give one an empty tree instead when its receipt matters.
    pub payload: Option<Source<'a>>,
    /// The folder of its scripts; `preinstall` and `postinstall` at its top are run.
    pub scripts: Option<Source<'a>>,
}

/// Writes a component package to `out`, through the empty stream `scratch`; unsigned without a `signer`.
///
/// # Errors
/// When a file cannot be read or has changed, something does not fit the format, the signer fails, or the output fails.
pub fn write_component<S: Read + Write + Seek>(
    component: &Component<'_>,
    signer: Option<&dyn PackageSigner>,
    scratch: S,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut archive = Archive::new(scratch, Style::Sha1, component.spec.time, signer);
    component.add_to(&mut archive, "")?;
    archive.finish(out)
}

impl Component<'_> {
    /// Adds the parts of this component, each name behind `prefix`.
    pub(super) fn add_to<S: Read + Write + Seek>(
        &self,
        archive: &mut Archive<'_, S>,
        prefix: &str,
    ) -> Result<(), WriteError> {
        let pack = |archive: &mut Archive<'_, S>, name: &str, source: &Source<'_>, compression| {
            archive.add(&format!("{prefix}{name}"), Encoding::Plain, |out| {
                let mut compressor = Compressor::new(compression, out)?;
                let checksums = cpio::write(source.tree, source.contents, &mut compressor)?;
                compressor.finish()?;
                Ok(checksums)
            })
        };
        if let Some(payload) = &self.payload {
            let checksums = pack(archive, "Payload", payload, self.spec.compression)?;
            let bill = bom::write(&bill(payload.tree, &checksums))?;
            archive.add(&format!("{prefix}Bom"), Encoding::Zlib, |out| Ok(out.write_all(&bill)?))?;
        }
        if let Some(scripts) = &self.scripts {
            // Apple's tools write scripts with gzip whatever the payload has; nobody has seen `installer` take others.
            let compression = match self.spec.compression {
                Compression::Xz => Compression::Gzip,
                other => other,
            };
            pack(archive, "Scripts", scripts, compression)?;
        }
        let info = self.package_info();
        archive.add(
            &format!("{prefix}PackageInfo"),
            Encoding::Zlib,
            |out| Ok(out.write_all(info.as_bytes())?),
        )
    }

    /// Kilobytes the payload takes, rounded up.
    pub(super) fn install_kbytes(&self) -> u64 {
        self.payload.map_or(0, |payload| payload.tree.bytes().div_ceil(1024))
    }

    fn package_info(&self) -> String {
        let spec = self.spec;
        let files = self.payload.map_or(0, |payload| payload.tree.nodes().len());
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<pkg-info");
        let mut attribute = |name: &str, value: &str| {
            // Writing to a `String` cannot fail.
            let _ = write!(xml, " {name}=\"{}\"", escape(value));
        };
        attribute("overwrite-permissions", "true");
        attribute("relocatable", "false");
        attribute("identifier", &spec.identifier);
        attribute("postinstall-action", "none");
        attribute("version", &spec.version);
        attribute("format-version", "2");
        attribute("install-location", &spec.install_location);
        attribute("auth", "root");
        if let Some(version) = &spec.min_os {
            attribute("minimumSystemVersion", version);
        }
        let _ = writeln!(
            xml,
            ">\n    <payload numberOfFiles=\"{files}\" installKBytes=\"{}\"/>",
            self.install_kbytes()
        );
        // No bundle is recorded, so that an app is put where the package says, not where a copy was moved to.
        for empty in ["bundle-version", "upgrade-bundle", "update-bundle", "atomic-update-bundle"] {
            let _ = writeln!(xml, "    <{empty}/>");
        }
        xml.push_str("    <strict-identifier/>\n    <relocate/>\n");
        let has = |name: &str| self.scripts.is_some_and(|scripts| scripts.tree.has_file(name));
        let scripts: Vec<&str> = ["preinstall", "postinstall"].into_iter().filter(|name| has(name)).collect();
        if !scripts.is_empty() {
            xml.push_str("    <scripts>\n");
            for name in scripts {
                let _ = writeln!(xml, "        <{name} file=\"./{name}\"/>");
            }
            xml.push_str("    </scripts>\n");
        }
        xml.push_str("</pkg-info>\n");
        xml
    }
}

fn bill(tree: &Tree, checksums: &[u32]) -> Vec<bom::Entry> {
    let entry = |(node, checksum): (&super::Node, &u32)| bom::Entry {
        path: node.path.clone(),
        kind: match &node.kind {
            NodeKind::Folder => Kind::Folder,
            NodeKind::File { .. } => Kind::File(*checksum),
            NodeKind::Link { target } => Kind::Link { target: target.clone(), checksum: *checksum },
        },
        mode: node.st_mode(),
        uid: node.uid,
        gid: node.gid,
        mtime: node.mtime,
        // Bounded when it was packed.
        size: u32::try_from(node.size()).unwrap_or(u32::MAX),
    };
    tree.nodes().iter().zip(checksums).map(entry).collect()
}
