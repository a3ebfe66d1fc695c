//! What `inspect` says about a package's signature, and whom it trusts.

use super::report::{CertificateReport, SignatureReport, SigningTimeReport};
use crate::pem;
use shared::flat_package::signature::{
    Certificate, Flaw, Purpose, SigningTime, TimeProof, TrustRoots, Verdict,
};
use std::fs;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Apple's root, and the certificates in `files`.
pub(super) fn roots(files: &[PathBuf]) -> Result<TrustRoots, String> {
    let mut roots = TrustRoots::apple();
    for path in files {
        let refuse = |reason: &dyn std::fmt::Display| format!("--trust-root {}: {reason}", path.display());
        let bytes = fs::read(path).map_err(|error| refuse(&error))?;
        let certificates = pem::certificates(&bytes).map_err(|error| refuse(&error))?;
        for certificate in certificates {
            roots.add(&certificate).map_err(|error| refuse(&error))?;
        }
    }
    Ok(roots)
}

/// `None`: the package is not signed.
pub(super) fn report(verdict: &Verdict) -> Option<SignatureReport> {
    if verdict.outcome == Err(Flaw::Unsigned) {
        return None;
    }
    let purpose = verdict.outcome.as_ref().ok().map(|purpose| match purpose {
        Purpose::DeveloperId => "developer_id",
        Purpose::AppStore => "app_store",
        Purpose::AppleSoftware => "apple_software",
        Purpose::OwnRoot => "own_root",
    });
    Some(SignatureReport {
        verified: verdict.outcome.is_ok(),
        flaw: verdict.outcome.as_ref().err().map(Flaw::to_string),
        purpose,
        styles: verdict.styles.clone(),
        team_id: verdict.team_id().map(str::to_owned),
        signed_at: verdict.signed_at.as_ref().map(signing_time),
        certificates: verdict.chain.iter().map(certificate).collect(),
    })
}

/// A damaged signature is an error, as any other damage.
pub(super) fn error(verdict: &Verdict) -> Option<String> {
    let flaw = verdict.outcome.as_ref().err().filter(|flaw| flaw.is_damage())?;
    Some(format!("{flaw}; do not install it, get it again from its author"))
}

/// A whole signature that proves nothing, or not for long.
pub(super) fn warning(verdict: &Verdict) -> Option<String> {
    match &verdict.outcome {
        Err(Flaw::Unsigned) => Some(
            "not signed: it can be installed as root, but MDM commands refuse it; sign it with productsign"
                .to_owned(),
        ),
        Err(flaw) if flaw.is_damage() => None,
        Err(flaw @ Flaw::Root { .. }) => {
            Some(format!("{flaw}; if it is your company's, name it with --trust-root"))
        }
        Err(flaw) => Some(format!("its signature proves nothing: {flaw}")),
        Ok(_)
            if verdict
                .signed_at
                .as_ref()
                .is_some_and(|time| matches!(time.proof, TimeProof::Timestamp { .. })) =>
        {
            None
        }
        Ok(_) => {
            let end = verdict.chain.iter().map(|certificate| certificate.not_after).min()?;
            Some(format!("without a trusted timestamp its signature counts only until {}", day(end)))
        }
    }
}

fn signing_time(time: &SigningTime) -> SigningTimeReport {
    let (proof, by) = match &time.proof {
        TimeProof::Timestamp { by } => ("timestamp", Some(by.clone())),
        TimeProof::UnknownAuthority { by } => ("unknown_authority", Some(by.clone())),
        TimeProof::Claim => ("claim", None),
    };
    SigningTimeReport { at: time.at.format(&Rfc3339).unwrap_or_default(), proof, by }
}

fn certificate(certificate: &Certificate) -> CertificateReport {
    let subject = &certificate.subject;
    CertificateReport {
        common_name: subject.common_name.clone(),
        organization: subject.organization.clone(),
        organizational_unit: subject.organizational_unit.clone(),
        not_before: day(certificate.not_before),
        not_after: day(certificate.not_after),
        sha256: certificate.fingerprint(),
    }
}

/// `YYYY-MM-DD`.
fn day(moment: OffsetDateTime) -> String {
    moment.date().to_string()
}
