//! What a signer's certificate is for: Apple says so in extensions of the leaf and of the one above it (P39).

use super::certificate::Certificate;
use super::extensions::dotted;
use super::flaw::Flaw;
use super::trust::TrustRoots;

/// Who may sign packages, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A developer known to Apple, for everybody: "Developer ID Installer".
    DeveloperId,
    /// The Mac App Store, for a developer.
    AppStore,
    /// Apple, for its own software.
    AppleSoftware,
    /// Whom a root that an admin added vouches for.
    OwnRoot,
}

/// `1.2.840.113635.100.` and what follows.
macro_rules! apple {
    ($($number:expr),*) => { &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, $($number),*] };
}

/// Extended key usages. The rules below are those of `SecPolicyCreateDeveloperIDInstaller` and its neighbours in
/// Apple's Security framework.
const DEVELOPER_ID_INSTALLER: &[u8] = apple!(4, 13);
const APP_STORE_INSTALLER: &[u8] = apple!(4, 10);
const APP_STORE_SUBMISSION: &[u8] = apple!(4, 9);
const APPLE_SOFTWARE_UPDATE: &[u8] = apple!(4, 1);
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 37, 0];

/// Markers of the leaf, and of its issuer.
const DEVELOPER_ID_LEAF: &[u8] = apple!(6, 1, 14);
const DEVELOPER_ID_ISSUER: &[u8] = apple!(6, 2, 6);
const APP_STORE_LEAF: &[u8] = apple!(6, 1, 10);
const DEVELOPER_RELATIONS_ISSUER: &[u8] = apple!(6, 2, 1);

/// Apple's chains are signer, authority, root.
const APPLES_LENGTH: usize = 3;

/// What `chain`, which leads to one of `roots`, entitles its signer to.
pub(super) fn purpose(chain: &[Certificate], roots: &TrustRoots) -> Result<Purpose, Flaw> {
    let (Some(leaf), Some(root)) = (chain.first(), chain.last()) else { return Err(Flaw::Unsigned) };
    let found = match chain {
        _ if !leaf.extensions.may_sign() => None,
        [_, issuer, _] if roots.is_apple(root) => by_apple(leaf, issuer),
        _ if roots.is_apple(root) => None,
        _ => own(leaf).then_some(Purpose::OwnRoot),
    };
    found.ok_or_else(|| Flaw::Purpose {
        certificate: leaf.subject.to_string(),
        meant_for: meant_for(leaf, roots.is_apple(root) && chain.len() != APPLES_LENGTH),
    })
}

fn by_apple(leaf: &Certificate, issuer: &Certificate) -> Option<Purpose> {
    let (leaf, issuer) = (&leaf.extensions, &issuer.extensions);
    let marked = |of_leaf: &[u8], of_issuer: &[u8]| leaf.has_marker(of_leaf) && issuer.has_marker(of_issuer);
    if !leaf.purposes_are_critical {
        return None;
    }
    if leaf.has_purpose(DEVELOPER_ID_INSTALLER) && marked(DEVELOPER_ID_LEAF, DEVELOPER_ID_ISSUER) {
        return Some(Purpose::DeveloperId);
    }
    if leaf.has_purpose(APP_STORE_INSTALLER) && marked(APP_STORE_LEAF, DEVELOPER_RELATIONS_ISSUER) {
        return Some(Purpose::AppStore);
    }
    let software = leaf.has_purpose(APPLE_SOFTWARE_UPDATE) && issuer.has_purpose(APPLE_SOFTWARE_UPDATE);
    software.then_some(Purpose::AppleSoftware)
}

/// A company's own authority knows no purpose of Apple's; one for something else than signing counts against it.
fn own(leaf: &Certificate) -> bool {
    let fitting = [CODE_SIGNING, ANY_PURPOSE, DEVELOPER_ID_INSTALLER];
    leaf.extensions.purposes.is_none() || fitting.iter().any(|purpose| leaf.extensions.has_purpose(purpose))
}

/// Whether the owner of `leaf` may sign programs with it.
///
/// # Errors
/// What it is for instead.
pub fn for_programs(leaf: &Certificate) -> Result<(), String> {
    let extensions = &leaf.extensions;
    if extensions.may_sign() && extensions.has_purpose(CODE_SIGNING) {
        return Ok(());
    }
    if extensions.has_purpose(DEVELOPER_ID_INSTALLER) || extensions.has_purpose(APP_STORE_INSTALLER) {
        return Err("it is meant for packages".into());
    }
    Err(meant_for(leaf, false))
}

fn meant_for(leaf: &Certificate, odd_length: bool) -> String {
    if odd_length {
        return format!("Apple's chains for packages have {APPLES_LENGTH} certificates");
    }
    if !leaf.extensions.may_sign() {
        return "its key may not sign".into();
    }
    let Some(purposes) = &leaf.extensions.purposes else { return "it names no purpose".into() };
    let names: Vec<String> = purposes.iter().map(|purpose| name(purpose)).collect();
    format!("it is meant for {}", names.join(", "))
}

fn name(purpose: &[u8]) -> String {
    let known = match purpose {
        DEVELOPER_ID_INSTALLER => "packages under a Developer ID, but lacks Apple's mark",
        APP_STORE_INSTALLER => "packages of the Mac App Store, but lacks Apple's mark",
        APP_STORE_SUBMISSION => "sending packages to the Mac App Store",
        APPLE_SOFTWARE_UPDATE => "Apple's own software, but its issuer is not",
        CODE_SIGNING => "programs",
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01] => "web servers",
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02] => "web clients",
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x04] => "mail",
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08] => "timestamps",
        _ => return dotted(purpose),
    };
    known.to_owned()
}
