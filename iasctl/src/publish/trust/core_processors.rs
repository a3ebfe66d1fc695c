//! The table of processors that come with AutoPkg 2.9 and are not part of trust information (T74, T77).

use std::{collections::BTreeSet, fs, path::Path};

/// Where AutoPkg is installed.
const INSTALLED: &str = "/Library/AutoPkg/autopkglib";

const CORE: [&str; 49] = [
    "AppDmgVersioner",
    "AppPkgCreator",
    "BrewCaskInfoProvider",
    "CURLDownloader",
    "CURLTextSearcher",
    "ChocolateyPackager",
    "CodeSignatureVerifier",
    "Copier",
    "DeprecationWarning",
    "DmgCreator",
    "DmgMounter",
    "EndOfCheckPhase",
    "FileCreator",
    "FileFinder",
    "FileMover",
    "FindAndReplace",
    "FlatPkgPacker",
    "FlatPkgUnpacker",
    "GitHubReleasesInfoProvider",
    "InstallFromDMG",
    "Installer",
    "MunkiCatalogBuilder",
    "MunkiImporter",
    "MunkiInfoCreator",
    "MunkiInstallsItemsCreator",
    "MunkiOptionalReceiptEditor",
    "MunkiPkginfoMerger",
    "MunkiSetDefaultCatalog",
    "PackageRequired",
    "PathDeleter",
    "PkgCopier",
    "PkgCreator",
    "PkgExtractor",
    "PkgInfoCreator",
    "PkgPayloadUnpacker",
    "PkgRootCreator",
    "PlistEditor",
    "PlistReader",
    "SignToolVerifier",
    "SparkleUpdateInfoProvider",
    "StopProcessingIf",
    "Symlinker",
    "URLDownloader",
    "URLDownloaderPython",
    "URLGetter",
    "URLTextSearcher",
    "Unarchiver",
    "VariableSetter",
    "Versioner",
];

/// The names: of the AutoPkg that is installed here, else those of the table.
pub(super) fn names() -> BTreeSet<String> {
    in_folder(Path::new(INSTALLED)).unwrap_or_else(|| CORE.map(str::to_owned).into())
}

/// AutoPkg takes every Python file beside its own for a core processor.
fn in_folder(folder: &Path) -> Option<BTreeSet<String>> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let name = |file: fs::DirEntry| file.file_name().to_str()?.strip_suffix(".py").map(str::to_owned);
    let names: BTreeSet<String> = files.filter_map(name).filter(|name| name != "__init__").collect();
    (!names.is_empty()).then_some(names)
}
