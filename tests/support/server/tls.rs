//! A certificate authority for tests: servers it vouches for, and some it should not.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{io, path::Path, sync::Arc};
use time::OffsetDateTime;

/// From when to when a certificate is valid.
type Validity = (OffsetDateTime, OffsetDateTime);

/// An authority nobody trusts by itself.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Makes one called `name`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut parameters = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(parameters, key).map(Self).map_err(io::Error::other)
    }

    /// Its certificate, for those who are to trust it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes [`Self::pem`] to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_pem(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, self.pem())
    }

    /// The identity of a server called `names`.
    ///
    /// # Errors
    /// When a name is unusable.
    pub fn server(&self, names: &[&str]) -> io::Result<ServerConfig> {
        self.issue(names, None)
    }

    /// The same, but its certificate expired long ago.
    ///
    /// # Errors
    /// When a name is unusable.
    pub fn expired_server(&self, names: &[&str]) -> io::Result<ServerConfig> {
        self.issue(names, Some((date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1))))
    }

    /// The same, but its certificate, issued in 2025, is valid for `days` days.
    ///
    /// # Errors
    /// When a name is unusable.
    pub fn lasting(&self, names: &[&str], days: u64) -> io::Result<ServerConfig> {
        let from = date_time_ymd(2025, 1, 1);
        self.issue(names, Some((from, from + std::time::Duration::from_secs(days * 86_400))))
    }

    /// The certificate and the key of a server called `names`, each in PEM, for servers that read them from files.
    ///
    /// # Errors
    /// When a name is unusable.
    pub fn server_pem(&self, names: &[&str]) -> io::Result<(String, String)> {
        let (certificate, key) = self.certify(names, None)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn certify(&self, names: &[&str], valid: Option<Validity>) -> io::Result<(Certificate, KeyPair)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).map_err(io::Error::other)?;
        if let Some((from, to)) = valid {
            (parameters.not_before, parameters.not_after) = (from, to);
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = parameters.signed_by(&key, &self.0).map_err(io::Error::other)?;
        Ok((certificate, key))
    }

    fn issue(&self, names: &[&str], valid: Option<Validity>) -> io::Result<ServerConfig> {
        let (certificate, key) = self.certify(names, valid)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
            })
            .map_err(io::Error::other)
    }
}
