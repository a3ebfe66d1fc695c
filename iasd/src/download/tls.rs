//! TLS as R119 wants it, and the ways in which the simulated world's network differs from the real one.

use super::fetch::{Body, FetchError, needs_network};
use crate::host::Connectivity;
use futures::{FutureExt as _, StreamExt as _, stream};
use rustls::{
    CipherSuite, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};
use rustls_platform_verifier::Verifier;
use std::{net::SocketAddr, sync::Arc};
use url::Url;

/// Why nothing is reached during an outage.
const OUTAGE: &str = "the simulated Mac has no network at the moment";

/// What a world adds to the computer's own network; empty on a Mac.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    /// Where hosts are, instead of what DNS says. The port counts only for URLs that name none.
    pub(crate) resolve: Vec<(String, SocketAddr)>,
    /// When no host can be reached at all; `None`: never.
    pub(crate) outages: Option<Connectivity>,
    /// Root certificates trusted besides the system's.
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
}

impl Network {
    /// Trusts the certificates of a PEM file as well.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something that is no certificate.
    #[cfg(feature = "simulated")]
    pub(crate) fn trust_pem_file(
        &mut self,
        path: &std::path::Path,
    ) -> Result<(), rustls::pki_types::pem::Error> {
        use rustls::pki_types::pem::PemObject as _;
        for certificate in CertificateDer::pem_file_iter(path)? {
            self.extra_roots.push(certificate?);
        }
        Ok(())
    }

    /// Refuses a request that would need a network while there is none.
    ///
    /// # Errors
    /// Says so.
    pub(crate) fn reach(&self, url: &Url) -> Result<(), FetchError> {
        let cut_off = needs_network(url) && self.outages.as_ref().is_some_and(Connectivity::is_down);
        if cut_off { Err(FetchError::Connect(OUTAGE.into())) } else { Ok(()) }
    }

    /// `body` as it arrives here: an outage ends it.
    pub(crate) fn carry(&self, url: &Url, body: Body) -> Body {
        let Some(mut network) = self.outages.clone().filter(|_| needs_network(url)) else { return body };
        let outage = async move { while network.changed().await {} };
        stream::unfold(Some((body, outage.boxed())), |state| async {
            let (mut body, mut outage) = state?;
            tokio::select! {
                () = &mut outage => Some((Err(FetchError::Broken(OUTAGE.into())), None)),
                piece = body.next() => piece.map(|piece| (piece, Some((body, outage)))),
            }
        })
        .boxed()
    }

    /// Whether the host of `url` has a fixed address, which a proxy would not know.
    pub(crate) fn overrides(&self, url: &Url) -> bool {
        url.host_str()
            .is_some_and(|host| self.resolve.iter().any(|(name, _)| name.eq_ignore_ascii_case(host)))
    }
}

fn is_aes_128(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

/// Builds client configurations: TLS 1.2 or newer, the system's trust, no way to switch it off (R119).
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// With ring. Of what is equally safe for a download, AES with the shorter key comes first: it costs both sides less,
    /// and browsers prefer it, too. A server with a preference of its own decides.
    pub(crate) fn new() -> Self {
        let mut provider = ring::default_provider();
        provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
        Self { provider: Arc::new(provider) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r119_the_cheaper_of_what_is_safe_is_asked_for_first_and_nothing_is_left_out() {
        let (ours, all) = (Tls::new().provider.cipher_suites.clone(), ring::default_provider().cipher_suites);
        let first = ours.first().map(rustls::SupportedCipherSuite::suite);
        assert_eq!(first, Some(CipherSuite::TLS13_AES_128_GCM_SHA256));
        assert_eq!(ours.len(), all.len());
        assert!(all.iter().all(|suite| ours.contains(suite)));
    }
}
