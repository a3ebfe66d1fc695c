//! The programs that are installed: found, joined from their architectures, and signed so that macOS starts them (P46).

use super::macho::{self, CodeSigner, NotMachO, OsVersion, Signed, Thin};
use shared::facts::Arch;
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The oldest macOS the product is made for (R136).
const OLDEST: OsVersion = OsVersion(11 << 16);
/// A larger program is none of ours.
const LARGEST: u64 = 64 << 20;
/// Folders below the given one in which builds for an architecture are looked for; the last three are Cargo's.
const FOLDERS: [(Arch, [&str; 6]); 2] = [
    // In the order in which slices are put into a universal file.
    (
        Arch::X86_64,
        [
            "x86_64",
            "intel",
            "x86_64-apple-darwin",
            "x86_64-apple-darwin/mac",
            "x86_64-apple-darwin/release",
            "x86_64-apple-darwin/debug",
        ],
    ),
    (
        Arch::Arm64,
        [
            "aarch64",
            "arm64",
            "aarch64-apple-darwin",
            "aarch64-apple-darwin/mac",
            "aarch64-apple-darwin/release",
            "aarch64-apple-darwin/debug",
        ],
    ),
];

/// A line of the agent's help, by which a daemon that is the agent as well is known.
const AGENT: &[u8] = b"Usage: iasagent [";

/// How to get what is missing.
pub(super) const HOW_TO_BUILD: &str = "build them on a Mac, or with a cross compiler such as cargo-zigbuild:
    MACOSX_DEPLOYMENT_TARGET=11.0 cargo build --profile mac --no-default-features -F agent -p iasd --target aarch64-apple-darwin
    MACOSX_DEPLOYMENT_TARGET=11.0 cargo build --profile mac --no-default-features -F agent -p iasd --target x86_64-apple-darwin
  then: iasctl pack --programs target …";

/// A program, ready to be packed.
#[derive(Debug)]
pub(super) struct Program {
    /// The whole file.
    pub(super) bytes: Vec<u8>,
    /// The processors it is for.
    pub(super) architectures: Vec<Arch>,
    /// The oldest macOS it starts on, as all its slices say.
    pub(super) min_os: OsVersion,
    /// How its slices are signed, the weakest one counting.
    pub(super) signed: Signed,
}

/// Why a program cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadProgram {
    /// It is nowhere.
    #[error("there is no iasd in {}, nor in a folder aarch64 or x86_64 there", .folder.display())]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// Finds the daemon in `folder` and signs its slices as `identifier`: as `signer`, or, unless somebody signed them already, ad hoc.
///
/// # Errors
/// When it is missing, is no program for Macs, or cannot be signed.
pub(super) fn prepare_daemon(
    folder: &Path,
    identifier: &str,
    signer: Option<&dyn CodeSigner>,
) -> Result<Program, BadProgram> {
    prepare(&found(folder)?, "iasd", identifier, signer)
}

/// As [`prepare_daemon`] for the agent, which is beside the daemon or the daemon under another name.
///
/// # Errors
/// When neither is there, or is no program for Macs, or cannot be signed.
pub(super) fn prepare_agent(
    folder: &Path,
    identifier: &str,
    signer: Option<&dyn CodeSigner>,
) -> Result<Program, BadProgram> {
    let mut files = found(folder)?;
    for file in &mut files {
        let own = file.with_file_name("iasagent");
        if own.is_file() {
            *file = own;
        } else {
            is_both(file, signer.is_some())?;
        }
    }
    prepare(&files, "iasagent", identifier, signer)
}

/// Whether the daemon in `file` can be packed as the agent as well; `anew`: its signature will be replaced.
fn is_both(file: &Path, anew: bool) -> Result<(), BadProgram> {
    let unusable = |problem: String| BadProgram::Unusable { path: file.to_owned(), problem };
    let bytes = read(file)?;
    for slice in macho::split(&bytes).map_err(|error| unusable(error.to_string()))? {
        let thin = Thin::read(slice).map_err(|error| unusable(error.to_string()))?;
        if !slice.windows(AGENT.len()).any(|words| words == AGENT) {
            let problem = "there is no iasagent beside it, and it is not the agent as well: it was built without -F agent";
            return Err(unusable(problem.into()));
        }
        if thin.signed == Signed::Identity && !anew {
            let problem = "it is signed as the daemon, and there is no iasagent beside it; copy the unsigned iasd as iasagent, and \
                           sign that copy under the agent's name";
            return Err(unusable(problem.into()));
        }
    }
    Ok(())
}

fn prepare(
    files: &[PathBuf],
    name: &'static str,
    identifier: &str,
    signer: Option<&dyn CodeSigner>,
) -> Result<Program, BadProgram> {
    let mut slices = Vec::new();
    for path in files {
        let bytes = read(path)?;
        let unusable =
            |error: NotMachO| BadProgram::Unusable { path: path.clone(), problem: error.to_string() };
        for slice in macho::split(&bytes).map_err(unusable)? {
            let thin = Thin::read(slice).map_err(unusable)?;
            slices.push(signed(slice, thin, path, identifier, signer)?);
        }
    }
    slices.sort_by_key(|(thin, _)| FOLDERS.iter().position(|(arch, _)| *arch == thin.arch));
    let arches: Vec<Arch> = slices.iter().map(|(thin, _)| thin.arch).collect();
    if let Some(twice) =
        arches.windows(2).find_map(|pair| (pair.first() == pair.last()).then_some(pair.first()?))
    {
        let problem = format!("{name} is there twice for {}", twice.as_str());
        return Err(BadProgram::Unusable { path: files.first().cloned().unwrap_or_default(), problem });
    }
    let min_os = slices.iter().filter_map(|(thin, _)| thin.min_os).fold(OLDEST, OsVersion::max);
    let kept = slices.iter().all(|(thin, _)| thin.signed == Signed::Identity);
    let signed = if kept || signer.is_some() { Signed::Identity } else { Signed::AdHoc };
    let signed_slices: Vec<Vec<u8>> = slices.into_iter().map(|(_, file)| file).collect();
    let joined = macho::join(&signed_slices);
    let bytes = joined.map_err(|error| BadProgram::Unusable {
        path: files.first().cloned().unwrap_or_default(),
        problem: error.to_string(),
    })?;
    Ok(Program { bytes, architectures: arches, min_os, signed })
}

/// The daemon in the folder itself, or those for each architecture.
fn found(folder: &Path) -> Result<Vec<PathBuf>, BadProgram> {
    let own = folder.join("iasd");
    if own.is_file() {
        return Ok(vec![own]);
    }
    let first = |folders: [&str; 6]| {
        folders.map(|below| folder.join(below).join("iasd")).into_iter().find(|path| path.is_file())
    };
    let files: Vec<PathBuf> = FOLDERS.into_iter().filter_map(|(_, folders)| first(folders)).collect();
    if files.is_empty() { Err(BadProgram::Missing { folder: folder.to_owned() }) } else { Ok(files) }
}

fn signed(
    slice: &[u8],
    thin: Thin,
    path: &Path,
    identifier: &str,
    signer: Option<&dyn CodeSigner>,
) -> Result<(Thin, Vec<u8>), BadProgram> {
    if thin.signed == Signed::Identity && signer.is_none() {
        return Ok((thin, slice.to_vec()));
    }
    match macho::sign(slice, identifier, signer) {
        Ok(file) => Ok((thin, file)),
        Err(error) => {
            Err(BadProgram::Unusable { path: path.to_owned(), problem: format!("cannot be signed: {error}") })
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BadProgram> {
    let unreadable = |source| BadProgram::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let count = file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if count as u64 > LARGEST {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::macho::fixture::{ARM64, X86_64, program};
    use std::fs;
    use tempfile::TempDir;

    const NAME: &str = "com.example.daemon";

    /// A folder with these files.
    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn prepared(files: &[(&str, &[u8])]) -> Result<Program, String> {
        prepare_daemon(folder(files).path(), NAME, None).map_err(|error| error.to_string())
    }

    #[test]
    fn p46_a_universal_program_and_its_slices_in_folders_come_to_the_same() {
        let (arm, intel) = (program(ARM64, 0x000b_0000, b"arm"), program(X86_64, 0x000c_0000, b"intel"));
        let universal = macho::join(&[arm.clone(), intel.clone()]).unwrap();
        let one = prepared(&[("iasd", &universal)]).unwrap();
        assert_eq!(one.architectures, [Arch::X86_64, Arch::Arm64]);
        assert_eq!((one.min_os.to_string(), one.signed), ("12.0".to_owned(), Signed::AdHoc));
        for folders in [["arm64", "x86_64"], ["aarch64-apple-darwin/release", "x86_64-apple-darwin/release"]]
        {
            let paths = folders.map(|folder| format!("{folder}/iasd"));
            let two = prepared(&[(&paths[0], &arm), (&paths[1], &intel)]).unwrap();
            assert!(two.bytes == one.bytes, "{folders:?}");
        }
        let twice = macho::join(&[arm.clone(), arm]).unwrap();
        assert!(prepared(&[("iasd", &twice)]).unwrap_err().contains("iasd is there twice for arm64"));
    }

    #[test]
    fn a_daemon_that_is_the_agent_as_well_is_packed_under_both_names_each_signed_as_its_own() {
        let both = program(ARM64, 0, b"code Usage: iasagent [--service NAME");
        let with = folder(&[("iasd", &both)]);
        let agent = prepare_agent(with.path(), "com.example.agent", None).unwrap();
        let daemon = prepare_daemon(with.path(), NAME, None).unwrap();
        assert!(agent.bytes != daemon.bytes && agent.signed == Signed::AdHoc);
        let own = folder(&[("iasd", &both), ("iasagent", &program(ARM64, 0, b"its own"))]);
        let agent = prepare_agent(own.path(), "com.example.agent", None).unwrap();
        assert!(agent.bytes.windows(7).any(|words| words == b"its own"));
        let without = folder(&[("iasd", &program(ARM64, 0, b"the daemon alone"))]);
        let missing = prepare_agent(without.path(), "com.example.agent", None).unwrap_err().to_string();
        assert!(missing.contains("there is no iasagent beside it"), "{missing}");
    }

    #[test]
    fn a_slice_that_somebody_signed_stays_as_it_is() {
        let mut file = macho::sign(&program(ARM64, 0, b"code"), "other", None).unwrap();
        let no_cms = [0xfa, 0xde, 0x0b, 0x01, 0, 0, 0, 8];
        let at = file.windows(8).position(|window| window == no_cms).unwrap();
        file[at + 7] = 9;
        let program = prepared(&[("iasd", &file)]).unwrap();
        assert!(program.signed == Signed::Identity && program.bytes == file);
    }
}
