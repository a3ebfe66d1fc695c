//! TLS as R119 wants it, and the ways in which the simulated world's network differs from the real one.

use super::fetch::FetchError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use rustls_platform_verifier::Verifier;
use std::{net::SocketAddr, path::Path, sync::Arc};
use url::Url;

/// What a world adds to the computer's own network; empty on a Mac.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    /// Where hosts are, instead of what DNS says. The port counts only for URLs that name none.
    pub(crate) resolve: Vec<(String, SocketAddr)>,
    /// Root certificates trusted besides the system's.
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
}

impl Network {
    /// Trusts the certificates of a PEM file as well.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something that is no certificate.
    pub(crate) fn trust_pem_file(&mut self, path: &Path) -> Result<(), rustls::pki_types::pem::Error> {
        for certificate in CertificateDer::pem_file_iter(path)? {
            self.extra_roots.push(certificate?);
        }
        Ok(())
    }

    /// Whether the host of `url` has a fixed address, which a proxy would not know.
    pub(crate) fn overrides(&self, url: &Url) -> bool {
        url.host_str()
            .is_some_and(|host| self.resolve.iter().any(|(name, _)| name.eq_ignore_ascii_case(host)))
    }
}

/// Builds client configurations: TLS 1.2 or newer, the system's trust, no way to switch it off (R119).
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// With ring.
    pub(crate) fn new() -> Self {
        Self { provider: Arc::new(ring::default_provider()) }
    }

    /// The configuration for connections; one that is not `secure` trusts nobody and is cheap to make.
    ///
    /// # Errors
    /// When the system has no usable root certificates.
    pub(crate) fn config(
        &self,
        network: &Network,
        secure: bool,
        tls13_only: bool,
    ) -> Result<ClientConfig, FetchError> {
        let failed = |error: rustls::Error| FetchError::Connect(format!("TLS: {error}"));
        let versions: &[_] = if tls13_only { &[&TLS13] } else { &[&TLS13, &TLS12] };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(failed)?;
        if !secure {
            return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }
        let roots = network.extra_roots.iter().cloned();
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&self.provider)).map_err(failed)?;
        Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
    }
}
