//! A certificate authority that lives as long as one rehearsal, and the TLS acceptor that speaks for its hosts.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What the server speaks with, and what its clients have to trust.
pub(crate) struct Authority {
    /// Accepts TLS for every host.
    pub(crate) acceptor: TlsAcceptor,
    /// The root certificate, in PEM.
    pub(crate) root_pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a root and one certificate for `hosts`. The keys exist in memory only.
    ///
    /// # Errors
    /// When a host name cannot stand in a certificate.
    pub(crate) fn new(hosts: &[String]) -> Result<Self, String> {
        Self::make(hosts)
            .map_err(|error| format!("cannot make a certificate for {}: {error}", hosts.join(", ")))
    }

    fn make(hosts: &[String]) -> Result<Self, Box<dyn std::error::Error>> {
        let root_key = KeyPair::generate()?;
        let mut root = CertificateParams::new(Vec::new())?;
        root.distinguished_name.push(DnType::CommonName, "iasctl simulate, for this rehearsal only");
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let root_pem = root.self_signed(&root_key)?.pem();
        let issuer = Issuer::new(root, root_key);

        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(hosts)?.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), root_pem })
    }
}
