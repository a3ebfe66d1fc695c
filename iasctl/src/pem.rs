//! Certificates as admins keep them: PEM with one or several, or a single one in DER.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;

/// Why a file gives no certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCertificates {
    /// It is PEM, but damaged.
    #[error("cannot be read as PEM: {0}")]
    Damaged(rustls::pki_types::pem::Error),
    /// It is PEM without certificates, or something else.
    #[error("holds no certificate; export it as PEM or DER")]
    None,
}

/// The certificates in `file`, in DER.
pub(crate) fn certificates(file: &[u8]) -> Result<Vec<Vec<u8>>, NoCertificates> {
    // Every certificate in DER is a sequence longer than 255 bytes.
    if file.starts_with(&[0x30, 0x82]) {
        return Ok(vec![file.to_vec()]);
    }
    let found: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(file).collect();
    let found: Vec<Vec<u8>> =
        found.map_err(NoCertificates::Damaged)?.into_iter().map(|der| der.to_vec()).collect();
    if found.is_empty() { Err(NoCertificates::None) } else { Ok(found) }
}

/// The certificates in all these files, for a client that is to trust them.
///
/// # Errors
/// Which file gives none, and why.
pub(crate) fn authorities(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut roots = Vec::new();
    for path in files {
        let refuse = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.display());
        let bytes = std::fs::read(path).map_err(|error| refuse(&error))?;
        let found = certificates(&bytes).map_err(|error| refuse(&error))?;
        roots.extend(found.into_iter().map(CertificateDer::from));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_and_der_are_told_apart_and_other_files_are_refused() {
        let made = rcgen::generate_simple_self_signed(["example.com".to_owned()]).unwrap();
        let (pem, der) = (made.cert.pem(), made.cert.der().to_vec());
        assert_eq!(certificates(&der).unwrap(), std::slice::from_ref(&der));
        let two = format!("a comment\n{pem}{pem}");
        assert_eq!(certificates(two.as_bytes()).unwrap(), [der.clone(), der]);
        assert!(certificates(made.signing_key.serialize_pem().as_bytes()).is_err());
        assert!(certificates(b"hello").unwrap_err().to_string().contains("no certificate"));
        assert!(certificates(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").is_err());
    }
}
