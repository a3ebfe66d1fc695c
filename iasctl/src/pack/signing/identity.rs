//! An RSA key and its certificates, as admins keep them: PEM, or PKCS #12 from Keychain Access or openssl.

use p12_keystore::Pkcs12Archive;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use shared::flat_package::signature::Certificate;

/// The largest file that is read: a hundred certificates.
const LARGEST: usize = 1 << 20;

/// The shortest key that is accepted, in bits; also what macOS and our verifier accept.
const SHORTEST_KEY: usize = 2048;

/// Why a file is no identity.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdentityError {
    /// Neither PEM nor PKCS #12.
    #[error("neither PEM nor PKCS #12: export key and certificate together from Keychain Access as .p12")]
    Unknown,
    /// Too large.
    #[error("larger than {LARGEST} bytes, which no identity is")]
    TooLarge,
    /// The PKCS #12 container.
    #[error("cannot be opened as PKCS #12: {0}; is the password right?")]
    Pkcs12(p12_keystore::error::Error),
    /// The PEM text.
    #[error("cannot be read as PEM: {0}")]
    Pem(pem::PemError),
    /// An encrypted key without password.
    #[error("its key is encrypted: give the password in a file")]
    Encrypted,
    /// The key.
    #[error("its key is not an RSA key that can be read, or the password is wrong: {0}; packages want RSA")]
    Key(String),
    /// The key is too short.
    #[error("its key has {0} bits; packages want at least {SHORTEST_KEY}")]
    ShortKey(usize),
    /// Several keys or none.
    #[error("it holds {0} private keys instead of one")]
    Keys(usize),
    /// A certificate.
    #[error("it holds a certificate that cannot be read")]
    Certificate,
    /// No certificate of the key.
    #[error("none of its {0} certificates belongs to its key; add the key's own certificate")]
    NoCertificate(usize),
}

/// A key with the chain of its certificate.
pub(super) struct Identity {
    pub(super) key: RsaPrivateKey,
    /// From the key's own certificate upwards, as far as certificates are there.
    pub(super) chain: Vec<Certificate>,
}

impl Identity {
    /// Reads `file`, whose key or whole content may need `password`; `more` are certificates that stand elsewhere,
    /// such as Apple's intermediate one.
    ///
    /// # Errors
    /// [`IdentityError`], for the admin.
    pub(super) fn read(
        file: &[u8],
        password: Option<&str>,
        more: Vec<Vec<u8>>,
    ) -> Result<Self, IdentityError> {
        if file.len() > LARGEST {
            return Err(IdentityError::TooLarge);
        }
        let (key, mut certificates) = match file.first() {
            Some(0x30) => from_pkcs12(file, password.unwrap_or_default())?,
            _ => from_pem(file, password)?,
        };
        certificates.extend(more);
        let bits = key.n().bits() as usize;
        if bits < SHORTEST_KEY {
            return Err(IdentityError::ShortKey(bits));
        }
        let certificates: Option<Vec<Certificate>> =
            certificates.iter().map(|der| Certificate::parse(der)).collect();
        let chain = chain(&key, certificates.ok_or(IdentityError::Certificate)?)?;
        Ok(Self { key, chain })
    }
}

fn from_pkcs12(file: &[u8], password: &str) -> Result<(RsaPrivateKey, Vec<Vec<u8>>), IdentityError> {
    let archive = Pkcs12Archive::from_pkcs12(file, password).map_err(IdentityError::Pkcs12)?;
    let [key] = archive.keys.as_slice() else { return Err(IdentityError::Keys(archive.keys.len())) };
    let key = RsaPrivateKey::from_pkcs8_der(key.key.as_der())
        .map_err(|error| IdentityError::Key(error.to_string()))?;
    Ok((key, archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect()))
}

fn from_pem(file: &[u8], password: Option<&str>) -> Result<(RsaPrivateKey, Vec<Vec<u8>>), IdentityError> {
    let (mut keys, mut certificates) = (Vec::new(), Vec::new());
    for block in pem::parse_many(file).map_err(IdentityError::Pem)? {
        match block.tag() {
            "CERTIFICATE" => certificates.push(block.into_contents()),
            "PRIVATE KEY" => keys.push(pkcs8(block.contents())?),
            "RSA PRIVATE KEY" => keys.push(pkcs1(&block)?),
            "ENCRYPTED PRIVATE KEY" => keys.push(encrypted(block.contents(), password)?),
            _ => {} // Parameters, requests and such are no business of ours.
        }
    }
    if keys.is_empty() && certificates.is_empty() {
        return Err(IdentityError::Unknown);
    }
    match (keys.pop(), keys.len()) {
        (Some(key), 0) => Ok((key, certificates)),
        (None, _) => Err(IdentityError::Keys(0)),
        (Some(_), others) => Err(IdentityError::Keys(others + 1)),
    }
}

fn pkcs8(der: &[u8]) -> Result<RsaPrivateKey, IdentityError> {
    RsaPrivateKey::from_pkcs8_der(der).map_err(|error| IdentityError::Key(error.to_string()))
}

fn pkcs1(block: &pem::Pem) -> Result<RsaPrivateKey, IdentityError> {
    if block.headers().get("Proc-Type").is_some() {
        let reason = "its encryption is openssl's old one; convert it with openssl pkcs8 -topk8";
        return Err(IdentityError::Key(reason.to_owned()));
    }
    RsaPrivateKey::from_pkcs1_der(block.contents()).map_err(|error| IdentityError::Key(error.to_string()))
}

fn encrypted(der: &[u8], password: Option<&str>) -> Result<RsaPrivateKey, IdentityError> {
    let password = password.ok_or(IdentityError::Encrypted)?;
    RsaPrivateKey::from_pkcs8_encrypted_der(der, password)
        .map_err(|error| IdentityError::Key(error.to_string()))
}

/// The key's certificate, its issuer's, and so on; certificates of others are left out.
fn chain(key: &RsaPrivateKey, mut certificates: Vec<Certificate>) -> Result<Vec<Certificate>, IdentityError> {
    let public = key.to_public_key().to_pkcs1_der().map_err(|error| IdentityError::Key(error.to_string()))?;
    let own = |certificate: &Certificate| certificate.rsa_public_key() == Some(public.as_bytes());
    // A renewed certificate stands beside the old one: the later one counts.
    let leaf = certificates.iter().filter(|found| own(found)).max_by_key(|found| found.not_after);
    let mut chain = vec![leaf.cloned().ok_or(IdentityError::NoCertificate(certificates.len()))?];
    certificates.retain(|certificate| !own(certificate));
    while let Some(last) = chain.last().filter(|last| !last.is_self_issued()) {
        let Some(place) = certificates.iter().position(|issuer| last.is_issued_by(issuer)) else { break };
        let issuer = certificates.swap_remove(place);
        chain.push(issuer);
    }
    Ok(chain)
}
