//! `pkgutil`: what is installed, and who signed a package (P58, P60).

use super::{signer::team_id, tools::Request};
use plist::Value;
use shared::sys::tools::PKGUTIL;
use std::{collections::BTreeMap, path::Path};

/// Asks for the receipt of `package_id`; it fails when there is none.
pub(super) fn receipt(package_id: &str) -> Request {
    Request::new(PKGUTIL, ["--pkg-info-plist", package_id])
}

/// The installed version, from the answer.
///
/// # Errors
/// What is wrong with the answer.
pub(super) fn version(answer: &[u8]) -> Result<String, String> {
    let answer = Value::from_reader_xml(answer).map_err(|error| error.to_string())?;
    let version = answer.as_dictionary().and_then(|receipt| receipt.get("pkg-version"));
    version.and_then(Value::as_string).map(str::to_owned).ok_or_else(|| "it names no pkg-version".to_owned())
}

/// Asks for the receipts of all packages (T40).
pub(super) fn receipts() -> Request {
    Request::new(PKGUTIL, ["--regexp", "--pkg-info-plist", ".*"])
}

/// The installed version of every package, from the answer to [`receipts`]: one property list after the other.
///
/// # Errors
/// What is wrong with the answer.
pub(super) fn versions(answer: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let answer = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let (lists, rest) = answer.rsplit_once(END).unwrap_or(("", answer));
    if rest.contains("<plist") {
        return Err("it ends in the middle of a receipt".to_owned());
    }
    let receipts = lists.split(END).filter(|list| !list.trim().is_empty());
    receipts.map(|list| one(&format!("{list}{END}"))).filter_map(Result::transpose).collect()
}

const END: &str = "</plist>";

/// Identifier and version; one without either is no receipt of a package.
fn one(list: &str) -> Result<Option<(String, String)>, String> {
    let value = Value::from_reader_xml(list.trim_start().as_bytes()).map_err(|error| error.to_string())?;
    let text = |key: &str| value.as_dictionary()?.get(key)?.as_string().map(str::to_owned);
    Ok(text("pkgid").zip(text("pkg-version")))
}

/// Asks who signed `package`.
pub(super) fn check_signature(package: &Path) -> Request {
    Request::new(PKGUTIL, [Path::new("--check-signature"), package])
}

/// What macOS thinks of a signature: to be shown, never to decide by (P60).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Signed {
    /// Its verdict, such as `signed by a developer certificate issued by Apple for distribution`.
    pub(super) status: String,
    /// Whether Apple has notarized it, in its words; older systems do not say.
    pub(super) notarization: Option<String>,
    /// The signer, such as `Developer ID Installer: Acme (ABCDE12345)`.
    pub(super) signer: Option<String>,
}

impl Signed {
    /// Reads the answer of [`check_signature`].
    pub(super) fn parse(answer: &str) -> Self {
        let value = |name: &str| {
            answer
                .lines()
                .find_map(|line| line.trim().strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        Self {
            status: value("Status:").unwrap_or_default(),
            notarization: value("Notarization:"),
            signer: value("1. "),
        }
    }

    /// One line for the log.
    pub(super) fn line(&self) -> String {
        let mut line = format!("signature: {}", self.status);
        if let Some(signer) = &self.signer {
            let team = team_id(signer).map(|team| format!(", team {team}")).unwrap_or_default();
            line.push_str(&format!("; {signer}{team}"));
        }
        if let Some(notarization) = &self.notarization {
            line.push_str(&format!("; notarization: {notarization}"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p58_the_exact_calls() {
        let request = receipt("com.acme.tools");
        assert_eq!(request.tool, "/usr/sbin/pkgutil");
        assert_eq!(request.arguments, ["--pkg-info-plist", "com.acme.tools"]);
        assert_eq!(check_signature(Path::new("/tmp/a.pkg")).arguments, ["--check-signature", "/tmp/a.pkg"]);
    }

    #[test]
    fn p58_a_receipt_names_its_version() {
        // Keys as in the manual page and in https://github.com/Homebrew/brew/blob/master/Library/Homebrew/cask/pkg.rb
        let answer = br#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>install-location</key>
	<string></string>
	<key>install-time</key>
	<integer>1720421876</integer>
	<key>pkg-version</key>
	<string>0.5-218</string>
	<key>pkgid</key>
	<string>com.acme.tools</string>
	<key>receipt-plist-version</key>
	<real>1</real>
	<key>volume</key>
	<string>/</string>
</dict>
</plist>
"#;
        assert_eq!(version(answer).as_deref(), Ok("0.5-218"));
        assert!(version(b"").is_err());
        assert!(version(b"<plist version=\"1.0\"><dict/></plist>").unwrap_err().contains("pkg-version"));
    }

    #[test]
    fn t40_all_receipts_are_read_one_after_the_other() {
        assert_eq!(receipts().arguments, ["--regexp", "--pkg-info-plist", ".*"]);
        let list = |id: &str, version: &str| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                 \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n\t<key>pkgid</key>\n\t\
                 <string>{id}</string>\n\t<key>pkg-version</key>\n\t<string>{version}</string>\n</dict>\n</plist>\n"
            )
        };
        let answer =
            list("com.acme.a", "1.0") + &list("com.acme.b", "0") + "<plist version=\"1.0\"><dict/></plist>\n";
        let found: Vec<_> = versions(answer.as_bytes()).unwrap().into_iter().collect();
        let pair = |id: &str, version: &str| (id.to_owned(), version.to_owned());
        assert_eq!(found, [pair("com.acme.a", "1.0"), pair("com.acme.b", "0")]);
        assert_eq!(versions(b"").unwrap().len(), 0);
        let cut = answer.get(..answer.len() - 60).unwrap();
        assert!(versions(cut.as_bytes()).is_err(), "half an answer is none");
        assert!(versions(b"<plist><dict><key></plist>").is_err());
    }

    #[test]
    fn p60_a_notarized_package() {
        // Form: https://github.com/macadmins/nudge/issues/410
        let answer = "Package \"Acme.pkg\":\n\
            \x20  Status: signed by a developer certificate issued by Apple for distribution\n\
            \x20  Notarization: trusted by the Apple notary service\n\
            \x20  Signed with a trusted timestamp on: 2026-01-12 12:12:09 +0000\n\
            \x20  Certificate Chain:\n\
            \x20   1. Developer ID Installer: Acme (West) Co. (ABCDE12345)\n\
            \x20      Expires: 2029-06-20 13:15:02 +0000\n\
            \x20   2. Developer ID Certification Authority\n";
        let signed = Signed::parse(answer);
        assert_eq!(
            signed.line(),
            "signature: signed by a developer certificate issued by Apple for distribution; \
             Developer ID Installer: Acme (West) Co. (ABCDE12345), team ABCDE12345; \
             notarization: trusted by the Apple notary service"
        );
    }

    #[test]
    fn p60_older_and_other_answers() {
        // Forms: https://github.com/coatless-mac/r-macos-rtools/issues/9, https://github.com/Installomator/Installomator/issues/9
        let old = "Package \"a.pkg\":\n   Status: signed by a certificate trusted by Mac OS X\n   Certificate Chain:\n    \
                   1. Developer ID Installer: Ada L (ABCDE12345)\n       SHA1 fingerprint: 4B CF\n";
        assert_eq!(Signed::parse(old).notarization, None);
        let apple = "Package \"a.pkg\":\n   Status: signed Apple Software\n   Certificate Chain:\n    1. Software Update\n";
        assert_eq!(Signed::parse(apple).line(), "signature: signed Apple Software; Software Update");
        assert_eq!(
            Signed::parse("Package \"a.pkg\":\n   Status: no signature\n").line(),
            "signature: no signature"
        );
    }
}
