//! Verifies the signatures of one package, step by step; the first thing that is wrong is the verdict (P39).

use super::certificate::Certificate;
use super::cms::{self, CmsFlaw, SignedData};
use super::flaw::Flaw;
use super::key::{Hash, Scheme};
use super::purpose::{Purpose, purpose};
use super::timestamp;
use super::trust::TrustRoots;
use super::{SigningTime, TimeProof, Verdict, chain};
use crate::base64;
use crate::flat_package::checksum::Style;
use crate::flat_package::xar::{Contents, Entry, EntryId, RawSignature, Xar, XarError};
use std::io::{self, Read, Seek};
use time::OffsetDateTime;

const RSA: &str = "RSA";
const CMS: &str = "CMS";

/// Judges the signature of an open archive, at the moment `now`. Entries are covered by their checksums, which are
/// compared when they are read.
pub fn verify<R: Read + Seek>(archive: &mut Xar<R>, roots: &TrustRoots, now: OffsetDateTime) -> Verdict {
    let raw = archive.signatures().to_vec();
    let styles = raw.iter().map(|signature| signature.style.clone()).collect();
    let claimed = raw.first().map(readable).unwrap_or_default();
    let mut examination = Examination { roots, now, chain: claimed, signed_at: None };
    let outcome = examination.judge(archive, &raw);
    Verdict { outcome, styles, chain: examination.chain, signed_at: examination.signed_at }
}

/// Judges the package that begins at byte 0 of `source` as a whole: its signature, and every byte that it covers. What
/// cannot be opened has a signature that cannot be read.
///
/// Entries are read only where the signature is genuine: nobody else can keep us busy with them.
pub fn verify_whole<R: Read + Seek>(source: R, roots: &TrustRoots, now: OffsetDateTime) -> Verdict {
    let mut archive = match Xar::open(source) {
        Ok(archive) => archive,
        Err(error) => {
            let outcome = Err(Flaw::Unreadable(error.to_string()));
            return Verdict { outcome, styles: Vec::new(), chain: Vec::new(), signed_at: None };
        }
    };
    let verdict = verify(&mut archive, roots, now);
    match verdict.outcome.as_ref().map(|_| read_entries(&mut archive)) {
        Ok(Err(flaw)) => Verdict { outcome: Err(flaw), ..verdict },
        Ok(Ok(())) | Err(_) => verdict,
    }
}

/// Reads every entry to its end, where its checksums are compared.
fn read_entries<R: Read + Seek>(archive: &mut Xar<R>) -> Result<(), Flaw> {
    let held = |(index, entry): (usize, &Entry)| entry.data.as_ref().map(|_| EntryId(index));
    let entries: Vec<EntryId> = archive.entries().iter().enumerate().filter_map(held).collect();
    for id in entries {
        let mut entry = archive.read(id).map_err(|error| Flaw::Entry(error.to_string()))?;
        io::copy(&mut entry, &mut io::sink()).map_err(|error| Flaw::Entry(error.to_string()))?;
    }
    Ok(())
}

/// One signature's bytes and the certificates beside it.
struct Found {
    bytes: Vec<u8>,
    certificates: Vec<Certificate>,
}

struct Examination<'a> {
    roots: &'a TrustRoots,
    now: OffsetDateTime,
    chain: Vec<Certificate>,
    signed_at: Option<SigningTime>,
}

impl Examination<'_> {
    fn judge<R: Read + Seek>(&mut self, archive: &mut Xar<R>, raw: &[RawSignature]) -> Result<Purpose, Flaw> {
        if raw.is_empty() {
            return Err(Flaw::Unsigned);
        }
        let unreadable = |error: XarError| Flaw::Unreadable(error.to_string());
        let contents = archive.contents().map_err(unreadable)?.ok_or(Flaw::NoDigest)?;
        let hash = Hash::of_style(contents.style).ok_or(Flaw::WeakDigest(Style::Md5))?;
        covered(archive)?;
        let (rsa, cms) = by_style(raw)?;
        let rsa = rsa.map(|raw| Found::read(archive, raw, RSA)).transpose()?;
        let cms = cms.map(|raw| Found::read(archive, raw, CMS)).transpose()?;
        let by_rsa = rsa.as_ref().map(|found| rsa_signer(found, hash, &contents)).transpose()?;
        let by_cms = cms.as_ref().map(|found| self.cms_signer(found, &contents)).transpose()?;
        let leaf = same_signer(by_rsa, by_cms)?;
        let mut pool: Vec<Certificate> = Vec::new();
        for found in [rsa, cms].into_iter().flatten() {
            pool.extend(found.certificates);
        }
        self.judge_chain(&leaf, &pool)
    }

    /// Verifies the CMS signature and its timestamp; the signer's certificate, and those in the signature.
    fn cms_signer(&mut self, found: &Found, contents: &Contents) -> Result<Certificate, Flaw> {
        let malformed = |part: &str| Flaw::Malformed { style: CMS, part: part.to_owned() };
        let flaw = |flaw, signer: &str| match flaw {
            CmsFlaw::Malformed(part) => malformed(part),
            CmsFlaw::NoSigner => Flaw::NoSigner(CMS),
            CmsFlaw::Value => Flaw::Value { style: CMS, signer: signer.to_owned() },
            CmsFlaw::Content => Flaw::Content(signer.to_owned()),
        };
        let signed = SignedData::parse(&found.bytes).map_err(|error| flaw(error, ""))?;
        let signer = signed.signer(&found.certificates).ok_or(Flaw::NoSigner(CMS))?.clone();
        let name = signer.subject.to_string();
        if found.certificates.first().is_some_and(|first| first.der != signer.der) {
            return Err(malformed("the order of its certificates, of which the first is not its signer's"));
        }
        if signed.content.as_ref().is_some_and(|content| *content != contents.digest) {
            return Err(Flaw::Content(name));
        }
        signed.verify(&signer, cms::DATA, &contents.digest).map_err(|error| flaw(error, &name))?;
        self.signed_at = match signed.token() {
            Some(token) => {
                let stamp = timestamp::verify(token, signed.value(), self.roots)?;
                let proof = match stamp.trusted {
                    true => TimeProof::Timestamp { by: stamp.by },
                    false => TimeProof::UnknownAuthority { by: stamp.by },
                };
                Some(SigningTime { at: stamp.at, proof })
            }
            None => signed.signing_time().map(|at| SigningTime { at, proof: TimeProof::Claim }),
        };
        Ok(signer)
    }

    fn judge_chain(&mut self, leaf: &Certificate, pool: &[Certificate]) -> Result<Purpose, Flaw> {
        let chain = chain::build(leaf, pool, self.roots)?;
        chain::check_constraints(&chain)?;
        match &self.signed_at {
            Some(SigningTime { at, proof: TimeProof::Timestamp { .. } }) => {
                chain::check_validity(&chain, *at)?;
            }
            Some(SigningTime { at, .. }) => {
                self.valid_now(&chain)?;
                chain::check_validity(&chain, *at)?;
            }
            None => self.valid_now(&chain)?,
        }
        let purpose = purpose(&chain, self.roots)?;
        self.chain = chain;
        Ok(purpose)
    }

    /// What an expired certificate signed could have been signed yesterday.
    fn valid_now(&self, chain: &[Certificate]) -> Result<(), Flaw> {
        match chain.iter().find(|certificate| certificate.not_after < self.now) {
            Some(expired) => {
                Err(Flaw::Expired { certificate: expired.subject.to_string(), not_after: expired.not_after })
            }
            None => chain::check_validity(chain, self.now),
        }
    }
}

impl Found {
    fn read<R: Read + Seek>(
        archive: &mut Xar<R>,
        raw: &RawSignature,
        style: &'static str,
    ) -> Result<Self, Flaw> {
        let bytes =
            archive.heap_bytes(raw.offset, raw.size).map_err(|error| Flaw::Unreadable(error.to_string()))?;
        let certificates = readable(raw);
        if certificates.len() != raw.certificates.len() {
            let part = format!("certificate {} of {}", certificates.len() + 1, raw.certificates.len());
            return Err(Flaw::Malformed { style, part });
        }
        Ok(Self { bytes, certificates })
    }
}

/// The certificates of a signature, up to the first that is none.
fn readable(raw: &RawSignature) -> Vec<Certificate> {
    raw.certificates
        .iter()
        .map_while(|text| base64::decode(text).and_then(|der| Certificate::parse(&der)))
        .collect()
}

/// An entry without a checksum could be exchanged without touching the table of contents.
fn covered<R>(archive: &Xar<R>) -> Result<(), Flaw> {
    let bare = archive.entries().iter().find(|entry| {
        entry
            .data
            .as_ref()
            .is_some_and(|data| data.length > 0 && data.archived.is_none() && data.extracted.is_none())
    });
    bare.map_or(Ok(()), |entry| Err(Flaw::Uncovered(entry.path.clone())))
}

/// The RSA and the CMS signature; at least one of them.
fn by_style(raw: &[RawSignature]) -> Result<(Option<&RawSignature>, Option<&RawSignature>), Flaw> {
    let find = |style: &str| raw.iter().find(|signature| signature.style == style);
    let (rsa, cms) = (find(RSA), find(CMS));
    if raw.len() != usize::from(rsa.is_some()) + usize::from(cms.is_some()) {
        let styles: Vec<&str> = raw.iter().map(|signature| signature.style.as_str()).take(5).collect();
        return Err(Flaw::Styles(styles.join(", ")));
    }
    Ok((rsa, cms))
}

fn rsa_signer(found: &Found, hash: Hash, contents: &Contents) -> Result<Certificate, Flaw> {
    let leaf = found.certificates.first().ok_or(Flaw::NoSigner(RSA))?;
    let key = leaf.key.as_ref();
    if !key.is_some_and(|key| key.verifies(Scheme::Rsa(hash), &contents.compressed, &found.bytes)) {
        return Err(Flaw::Value { style: RSA, signer: leaf.subject.to_string() });
    }
    Ok(leaf.clone())
}

fn same_signer(rsa: Option<Certificate>, cms: Option<Certificate>) -> Result<Certificate, Flaw> {
    match (rsa, cms) {
        (Some(rsa), Some(cms)) if rsa.der != cms.der => {
            Err(Flaw::Signers { rsa: rsa.subject.to_string(), cms: cms.subject.to_string() })
        }
        (Some(leaf), _) | (None, Some(leaf)) => Ok(leaf),
        (None, None) => Err(Flaw::Unsigned),
    }
}
