//! Who signed an application, and whether it still is what was signed: what `codesign --verify --deep --strict` tells on
//! a Mac, found by reading (P62).
//!
//! An application is a bundle: a folder with a program, whose signature covers the bundle's `Info.plist` and the seal of
//! everything else in it. What is a bundle or a program in there is verified in the same way.

mod bundle;
mod seal;

use self::{bundle::Bundle, seal::Seal};
use crate::{
    code_signature::{self, CodeSignature, Part},
    flat_package::signature::TrustRoots,
};
use cap_std::fs::Dir;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// How deep code may lie in code; frameworks of helpers in frameworks of an application make four.
const DEEPEST: usize = 8;

/// Why a Mac would not take it for what somebody signed.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsound {
    /// Where, seen from the folder that the application is in.
    at: PathBuf,
    why: String,
}

impl Unsound {
    fn new(at: &Path, why: impl ToString) -> Self {
        Self { at: at.to_owned(), why: why.to_string() }
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at.display(), self.why)
    }
}

/// Verifies the application `app` in `folder` and gives its signature, which leads to one of `roots` or is ad hoc.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(folder: &Dir, app: &Path, roots: &TrustRoots) -> Result<CodeSignature, Unsound> {
    Examination { folder, roots }.code(app, DEEPEST).and_then(|signatures| own(app, signatures))
}

/// The one signature of all architectures, if all are by the same.
fn own(app: &Path, signatures: Vec<CodeSignature>) -> Result<CodeSignature, Unsound> {
    let mut signatures = signatures.into_iter();
    let first = signatures.next().ok_or_else(|| Unsound::new(app, "it holds no program"))?;
    if signatures.all(|other| other.signer() == first.signer()) {
        return Ok(first);
    }
    Err(Unsound::new(app, "its architectures are signed by different people"))
}

struct Examination<'a> {
    folder: &'a Dir,
    roots: &'a TrustRoots,
}

impl Examination<'_> {
    /// The signatures of a bundle or program, one for each architecture.
    fn code(&self, path: &Path, deep: usize) -> Result<Vec<CodeSignature>, Unsound> {
        let failed = |error: std::io::Error| Unsound::new(path, error);
        if self.folder.symlink_metadata(path).map_err(failed)?.is_dir() {
            return self.bundle(path, deep);
        }
        self.program(path)
    }

    fn program(&self, path: &Path) -> Result<Vec<CodeSignature>, Unsound> {
        let mut file = bundle::open(self.folder, path)?;
        code_signature::verify(&mut file, self.roots).map_err(|flaw| Unsound::new(path, flaw))
    }

    fn bundle(&self, path: &Path, deep: usize) -> Result<Vec<CodeSignature>, Unsound> {
        let bundle = Bundle::open(self.folder, path)?;
        let signatures = self.program(&bundle.program)?;
        let sealed = bundle.seal(self.folder)?;
        let altered = |what: &str| Unsound::new(path, format!("{what} was altered after it was signed"));
        for signature in &signatures {
            if !signature.covers(Part::Info, bundle.info.as_deref()) {
                return Err(altered("its Info.plist"));
            }
            if !signature.covers(Part::Seal, sealed.as_deref()) {
                return Err(altered("the seal of its resources (_CodeSignature/CodeResources)"));
            }
        }
        let sealed = sealed.ok_or_else(|| Unsound::new(path, "its resources are not sealed"))?;
        let seal = Seal::read(&sealed).map_err(|why| Unsound::new(path, why))?;
        seal.check(self.folder, &bundle, |place, wanted| {
            let deeper =
                deep.checked_sub(1).ok_or_else(|| Unsound::new(place, "code lies too deep in code"))?;
            self.nested(place, wanted, (&signatures, deeper))
        })?;
        Ok(signatures)
    }

    /// Code in a bundle: the very one that was sealed, or one of the same signer, as the usual requirement has it.
    fn nested(
        &self,
        path: &Path,
        wanted: Option<&[u8]>,
        (around, deep): (&[CodeSignature], usize),
    ) -> Result<(), Unsound> {
        let found = self.code(path, deep)?;
        let is_it = |signature: &CodeSignature| Some(signature.code_directory_hash.as_slice()) == wanted;
        let signers = |signatures: &[CodeSignature]| signatures.first().and_then(CodeSignature::signer);
        let same = signers(&found).is_some() && signers(&found) == signers(around);
        if found.iter().any(is_it) || same {
            return Ok(());
        }
        Err(Unsound::new(path, "it is other code than was sealed into the application"))
    }
}
