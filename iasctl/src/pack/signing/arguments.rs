//! How `pack` is told to sign, and what it thinks of its own signature.

use super::{CannotSign, Identity, ProgramSigner, Signer};
use crate::{first_line::first_line, pem};
use shared::flat_package::FlatPackage;
use shared::flat_package::signature::{Flaw, TrustRoots};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// The options of `pack` that are about signatures.
#[derive(Debug, clap::Args)]
pub(in crate::pack) struct Signing {
    /// Sign the package with the RSA key and certificates in this file: PKCS #12, or PEM
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// A file whose first line is the password of the key
    #[arg(long, value_name = "FILE", requires = "sign")]
    sign_password: Option<PathBuf>,
    /// Sign the programs with the RSA key and certificates in this file, instead of ad hoc: PKCS #12, or PEM
    #[arg(long, value_name = "FILE")]
    sign_programs: Option<PathBuf>,
    /// A file whose first line is the password of the programs' key
    #[arg(long, value_name = "FILE", requires = "sign_programs")]
    sign_programs_password: Option<PathBuf>,
    /// Certificates between yours and its root, when they are not in the same file (PEM or DER)
    #[arg(long, value_name = "FILE")]
    sign_chain: Vec<PathBuf>,
}

impl Signing {
    /// Who signs the package; `None`: nobody is to. The time is that of `SOURCE_DATE_EPOCH`, if it is set.
    pub(in crate::pack) fn signer(&self) -> Result<Option<Signer>, String> {
        if self.sign.is_none() && self.sign_programs.is_none() && !self.sign_chain.is_empty() {
            return Err("--sign-chain is of no use without --sign or --sign-programs".to_owned());
        }
        self.with(self.sign.as_deref(), self.sign_password.as_deref(), Signer::new)
    }

    /// Who signs the programs; `None`: nobody, they are signed ad hoc. The time is as above.
    pub(in crate::pack) fn program_signer(&self) -> Result<Option<ProgramSigner>, String> {
        self.with(self.sign_programs.as_deref(), self.sign_programs_password.as_deref(), ProgramSigner::new)
    }

    fn with<S>(
        &self,
        path: Option<&Path>,
        password: Option<&Path>,
        signer: fn(Identity, Option<OffsetDateTime>) -> Result<S, CannotSign>,
    ) -> Result<Option<S>, String> {
        let Some(path) = path else { return Ok(None) };
        let password = password.map(first_line).transpose()?;
        let mut more = Vec::new();
        for path in &self.sign_chain {
            let certificates = pem::certificates(&read(path)?);
            more.extend(certificates.map_err(|error| format!("{}: {error}", path.display()))?);
        }
        let refuse = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let identity =
            Identity::read(&read(path)?, password.as_deref(), more).map_err(|error| refuse(&error))?;
        let time = source_date(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
        signer(identity, time).map(Some).map_err(|error: CannotSign| refuse(&error))
    }
}

/// Verifies the package that was just signed, as a Mac would; a warning when it is whole, but no Mac trusts it by
/// itself.
///
/// # Errors
/// It does not verify.
pub(in crate::pack) fn check(package: &Path) -> Result<Option<String>, String> {
    let refuse = |error: &dyn std::fmt::Display| format!("{}: {error}", package.display());
    let file = File::open(package).map_err(|error| refuse(&error))?;
    let mut package = FlatPackage::open(BufReader::new(file)).map_err(|error| refuse(&error))?;
    match package.verify(&TrustRoots::apple(), OffsetDateTime::now_utc()).outcome {
        Ok(_) => Ok(None),
        Err(flaw) if flaw.is_damage() || flaw == Flaw::Unsigned => Err(refuse(&flaw)),
        Err(flaw) => {
            Ok(Some(format!("warning: the package is signed, but not for Macs that do not know you: {flaw}")))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn source_date(value: Option<&str>) -> Result<Option<OffsetDateTime>, String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    let seconds = value.parse().ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    seconds.map(Some).ok_or_else(|| format!("SOURCE_DATE_EPOCH is {value:?}, expected seconds since 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_date_is_seconds_since_1970_or_refused() {
        assert_eq!(source_date(None), Ok(None));
        assert_eq!(source_date(Some("")), Ok(None));
        assert_eq!(source_date(Some("0")), Ok(Some(OffsetDateTime::UNIX_EPOCH)));
        assert!(source_date(Some("yesterday")).unwrap_err().contains("SOURCE_DATE_EPOCH"));
        assert!(source_date(Some("999999999999999")).is_err());
    }
}
