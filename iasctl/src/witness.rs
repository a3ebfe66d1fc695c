//! Keeps the certificates that servers show while others decide whether they are trusted.

use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The certificates of each host, in DER, its own first.
pub(crate) type Shown = Arc<Mutex<BTreeMap<String, Vec<Vec<u8>>>>>;

/// Looks on, and leaves the decision to another one.
#[derive(Debug)]
pub(crate) struct Witness<V> {
    judge: V,
    shown: Shown,
}

impl<V> Witness<V> {
    /// One that writes into `shown` and leaves it to `judge`.
    pub(crate) fn new(judge: V, shown: Shown) -> Self {
        Self { judge, shown }
    }
}

impl<V: ServerCertVerifier> ServerCertVerifier for Witness<V> {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(own).chain(others).map(|der| der.to_vec()).collect();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_str().into_owned(), chain);
        self.judge.verify_server_cert(own, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, own, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, own, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
