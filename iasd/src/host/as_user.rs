//! What is done for the user without an agent: each a program that is run as that user, never as root (R112).

use super::launch::checked_script;
use crate::download::VerifiedArtifact;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::Uid;
use shared::{
    layout::MacPath,
    sys::{
        child::{Program, open_app},
        tools,
    },
};
use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Something to do as the user.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UserWork<'a> {
    /// Run a script.
    Script(&'a VerifiedArtifact),
    /// Write a file with the user's rights (R113, R115).
    File {
        /// What is to be in it.
        content: &'a VerifiedArtifact,
        /// Where it belongs.
        path: &'a MacPath,
    },
    /// Run a program that lies on the Mac (T102).
    Program {
        /// Where it lies.
        path: &'a MacPath,
        /// Its arguments.
        arguments: &'a [String],
    },
    /// Open an application (R101).
    App {
        /// Where it lies.
        path: &'a MacPath,
        /// Its arguments.
        arguments: &'a [String],
    },
}

impl UserWork<'_> {
    /// The work in words, for errors.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Script(script) => format!("run {}", script.path()),
            Self::File { path, .. } => format!("place {path}"),
            Self::Program { path, .. } => format!("run {path}"),
            Self::App { path, .. } => format!("open {path}"),
        }
    }

    /// The program to run as a user whose files belong to `owner`, with what it has been lent until it has ended.
    ///
    /// `dir` is the Mac's `/`, which the program sees as `root`.
    ///
    /// # Errors
    /// When a script was replaced after it was checked, or content cannot be lent.
    pub(super) fn prepare(
        self,
        dir: &Arc<Dir>,
        root: &Path,
        owner: u32,
    ) -> io::Result<(Program, Option<Lent>)> {
        Ok(match self {
            Self::Script(artifact) => (checked_script(artifact, dir, root)?, None),
            Self::Program { path, arguments } => {
                let arguments = arguments.iter().map(Into::into).collect();
                (Program { arguments, ..Program::new(&path.under(root)) }, None)
            }
            Self::App { path, arguments } => (open_app(path, arguments), None),
            Self::File { content, path } => {
                let lent = Lent::make(dir, content.file(), owner)?;
                let folder = path.parent().map_or_else(|| root.to_owned(), |folder| folder.under(root));
                let words = [folder, root.join(&lent.path), path.under(root)].map(PathBuf::into_os_string);
                let sh = ["-c", PLACE, "place"].map(Into::into);
                let arguments = sh.into_iter().chain(words).collect();
                (Program { arguments, ..Program::new(Path::new(tools::SH)) }, Some(lent))
            }
        })
    }
}

/// Writes beside the place and renames, so that nobody sees a part of the file, nor writes through a link: into the
/// folder `$1` a copy of `$2` as `$3`.
const PLACE: &str = r#"
if [ -d "$3" ]; then echo "$3 is a folder" >&2; exit 1; fi
mkdir -p "$1" || exit 1
passing=$1/.ias-$$
set -C
(umask 077 && cat "$2" > "$passing") || exit 1
trap 'rm -f "$passing"' EXIT
chmod 644 "$passing" && mv -f "$passing" "$3"
"#;

/// Where files lie that are lent; emptied at boot.
const LENT: &str = "private/var/run/ias/lent";

/// A copy that one user can read, in a folder that only root can change; removed when dropped.
#[derive(Debug)]
pub(super) struct Lent {
    dir: Arc<Dir>,
    path: String,
}

impl Lent {
    fn make(dir: &Arc<Dir>, content: &File, owner: u32) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Whatever the umask says, the user must get through, and nobody else may write.
        dir.create_dir_with(LENT, DirBuilder::new().recursive(true).mode(0o755))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = format!("{LENT}/{}-{number}", std::process::id());
        let options = OpenOptions::new().write(true).create_new(true).mode(0o400).clone();
        let mut file = dir.open_with(&path, &options)?;
        let lent = Self { dir: dir.clone(), path };
        let (mut piece, mut position) = (vec![0; 64 << 10], 0);
        loop {
            let read = content.read_at(&mut piece, position)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            file.write_all(bytes)?;
            position += read as u64;
        }
        rustix::fs::fchown(&file, Some(Uid::from_raw(owner)), None)?;
        Ok(lent)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // The next boot empties the folder.
        let _ = self.dir.remove_file(&self.path);
    }
}
