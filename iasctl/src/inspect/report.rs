//! What `inspect` found in one file: plain data, printed as text or as JSON (`docs/inspect.md`).

use serde::Serialize;
use shared::digest::Digest;

/// Everything found in one file.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Path as given; inside a package its path in there.
    pub(crate) file: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Of the whole file, what a control file calls `hash`; absent for a package inside a package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<Digest>,
    /// Whether it is a package whose every byte fits its checksums.
    pub(crate) ok: bool,
    /// Why it is none, or what does not fit.
    pub(crate) errors: Vec<String>,
    /// What an admin should know before deploying it.
    pub(crate) warnings: Vec<String>,
    /// The file itself could not be read: nothing was found out, so it is told as a diagnostic.
    #[serde(skip)]
    pub(crate) unreadable: bool,
    /// The package; absent when it could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) package: Option<Package>,
    /// The disk image, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<ImageReport>,
    /// The archive, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<ArchiveReport>,
}

/// A disk image that could be opened.
#[derive(Debug, Serialize)]
pub(crate) struct ImageReport {
    /// As `hdiutil` calls it, or `raw`.
    pub(crate) format: &'static str,
    pub(crate) disk_bytes: u64,
    /// Whether attaching it asks for agreement.
    pub(crate) licence: bool,
    /// Names of partitions and maps.
    pub(crate) parts: Vec<String>,
    pub(crate) parts_without_checksum: usize,
    pub(crate) volumes: Vec<VolumeReport>,
}

/// A volume of a disk image.
#[derive(Debug, Serialize)]
pub(crate) struct VolumeReport {
    pub(crate) name: String,
    /// `HFS+` or `APFS`.
    pub(crate) file_system: String,
    /// Bytes of its partition.
    pub(crate) size: u64,
    pub(crate) encrypted: bool,
    /// Absent when it cannot be walked.
    #[serde(flatten)]
    pub(crate) contents: Option<Contents>,
}

/// An archive that could be opened.
#[derive(Debug, Serialize)]
pub(crate) struct ArchiveReport {
    /// Such as `zip` or `tar, bzip2`.
    pub(crate) kind: String,
    #[serde(flatten)]
    pub(crate) contents: Contents,
}

/// What is on a volume or in an archive.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Contents {
    /// Entries, folders included.
    pub(crate) entries: u64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    pub(crate) apps: Vec<AppReport>,
    /// Flat packages.
    pub(crate) packages: Vec<Report>,
    /// Only with `--files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<Vec<FileReport>>,
}

/// An application, with what its `Info.plist` says.
#[derive(Debug, Serialize)]
pub(crate) struct AppReport {
    pub(crate) path: String,
    pub(crate) identifier: Option<String>,
    /// `CFBundleShortVersionString`.
    pub(crate) version: Option<String>,
    /// `CFBundleVersion`.
    pub(crate) build: Option<String>,
    pub(crate) minimum_system: Option<String>,
}

/// `component` or `product`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PackageKind {
    Component,
    Product,
}

/// A package that could be opened.
#[derive(Debug, Serialize)]
pub(crate) struct Package {
    pub(crate) kind: PackageKind,
    /// Of the first component in the archive (R133).
    pub(crate) identifier: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) product_identifier: Option<String>,
    pub(crate) product_version: Option<String>,
    /// Oldest macOS it allows.
    pub(crate) minimum_system: Option<String>,
    pub(crate) architectures: Vec<String>,
    /// Whether a script in the distribution may refuse the Mac.
    pub(crate) check_scripts: bool,
    pub(crate) components: Vec<ComponentReport>,
    pub(crate) choices: Vec<ChoiceReport>,
    pub(crate) integrity: Integrity,
    pub(crate) signature: Option<SignatureReport>,
    /// Whole packages stored inside this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) nested: Vec<Report>,
}

/// One component package.
#[derive(Debug, Serialize)]
pub(crate) struct ComponentReport {
    /// Folder in the archive; empty in a component package.
    pub(crate) folder: String,
    pub(crate) identifier: String,
    pub(crate) version: String,
    /// `yes`, `no` or `depends on a script`.
    pub(crate) selected: &'static str,
    pub(crate) install_location: String,
    pub(crate) auth: Option<String>,
    pub(crate) install_kbytes: Option<u64>,
    /// As announced in the `PackageInfo`.
    pub(crate) number_of_files: Option<u64>,
    pub(crate) postinstall_action: Option<String>,
    pub(crate) minimum_system: Option<String>,
    pub(crate) bundles: Vec<BundleReport>,
    pub(crate) payload: Option<PayloadReport>,
    pub(crate) scripts: Vec<ScriptReport>,
}

/// An application or other bundle.
#[derive(Debug, Serialize)]
pub(crate) struct BundleReport {
    pub(crate) identifier: String,
    pub(crate) version: Option<String>,
    pub(crate) path: Option<String>,
}

/// The files a component installs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct PayloadReport {
    pub(crate) compression: String,
    /// Entries, folders included.
    pub(crate) entries: u64,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// Only with `--files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<Vec<FileReport>>,
}

/// One entry of a payload.
#[derive(Debug, Serialize)]
pub(crate) struct FileReport {
    pub(crate) path: String,
    /// As `ls` shows it.
    pub(crate) mode: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    /// Target of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// The file this is another name of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) same_as: Option<String>,
}

/// One file beside the scripts, or a script that runs.
#[derive(Debug, Serialize)]
pub(crate) struct ScriptReport {
    pub(crate) name: String,
    /// Whether the installer runs it.
    pub(crate) runs: bool,
    pub(crate) mode: String,
    pub(crate) size: u64,
    /// Only with `--scripts`, and only when it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// One choice of a product, with its packages.
#[derive(Debug, Serialize)]
pub(crate) struct ChoiceReport {
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) packages: Vec<ChosenReport>,
}

/// One package of a choice.
#[derive(Debug, Serialize)]
pub(crate) struct ChosenReport {
    pub(crate) id: String,
    /// `component`, `nested`, `external`, `missing` or `nothing`.
    pub(crate) is: &'static str,
    /// Folder, path or URL.
    pub(crate) location: String,
    /// `yes`, `no` or `depends on a script`.
    pub(crate) selected: &'static str,
}

/// How the archive's checksums came out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Integrity {
    /// Checksum style of the table of contents; `None`: it has none.
    pub(crate) contents: Option<String>,
    /// Entries read to their end.
    pub(crate) entries_read: u64,
    /// Of these, entries that carry no checksum.
    pub(crate) entries_without_checksum: u64,
    /// Whether something in the archive could not be read, which the errors tell.
    #[serde(skip)]
    pub(crate) damaged: bool,
}

/// Who signed, and whether that is proven.
#[derive(Debug, Serialize)]
pub(crate) struct SignatureReport {
    /// Whether every link holds, from the bytes to a trusted root.
    pub(crate) verified: bool,
    /// Why not.
    pub(crate) flaw: Option<String>,
    /// `developer_id`, `app_store`, `apple_software` or `own_root`; only when verified.
    pub(crate) purpose: Option<&'static str>,
    pub(crate) styles: Vec<String>,
    /// Only when verified.
    pub(crate) team_id: Option<String>,
    pub(crate) signed_at: Option<SigningTimeReport>,
    pub(crate) certificates: Vec<CertificateReport>,
}

/// When it was signed.
#[derive(Debug, Serialize)]
pub(crate) struct SigningTimeReport {
    /// In UTC.
    pub(crate) at: String,
    /// `timestamp`, `unknown_authority` or `claim`.
    pub(crate) proof: &'static str,
    /// The authority.
    pub(crate) by: Option<String>,
}

/// One certificate of the chain, leaf first.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateReport {
    pub(crate) common_name: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) organizational_unit: Option<String>,
    pub(crate) not_before: String,
    pub(crate) not_after: String,
    pub(crate) sha256: Digest,
}
