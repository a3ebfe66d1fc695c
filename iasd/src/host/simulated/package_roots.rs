//! Which root certificates the simulated Mac believes signatures on packages to lead to: Apple's, and the scenario's.

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use shared::flat_package::signature::TrustRoots;
use std::{fmt::Display, path::Path};

/// Apple's root, and the certificates in the PEM file `added`.
///
/// # Errors
/// That file, and why it gives none.
pub(super) fn package_roots(added: Option<&Path>) -> Result<TrustRoots, String> {
    let mut roots = TrustRoots::apple();
    let Some(file) = added else { return Ok(roots) };
    let refuse = |why: &dyn Display| format!("{}: {why}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| refuse(&error))?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|error| refuse(&error))?;
    if certificates.is_empty() {
        return Err(refuse(&"it holds no certificate in PEM"));
    }
    for certificate in certificates {
        roots.add(&certificate).map_err(|error| refuse(&error))?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_adds_no_root_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            package_roots(Some(&file)).map(drop)
        };
        assert!(package_roots(None).is_ok());
        let root = include_str!("../../../../iasctl/src/pack/signing/fixtures/root.pem");
        assert_eq!(read(root), Ok(()));
        assert!(read("").unwrap_err().contains("holds no certificate"));
        let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(read(other).unwrap_err().contains("not an X.509 certificate"));
        assert!(package_roots(Some(&folder.path().join("missing"))).is_err());
    }
}
