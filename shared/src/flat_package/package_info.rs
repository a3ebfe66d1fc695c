//! `PackageInfo`, the description of one component package; read tolerantly (P2, section 3 of the platform spec).

use super::xml::{Element, XmlError, boolean};

/// What one component package says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageInfo {
    /// The identifier its receipt will carry; empty when it names none.
    pub identifier: String,
    /// Its version; empty when it names none.
    pub version: String,
    /// Folder the payload is unpacked to; `None` means `/`.
    pub install_location: Option<String>,
    /// Who installs it: `root` or `none`.
    pub auth: Option<String>,
    /// Kilobytes the payload takes once installed.
    pub install_kbytes: Option<u64>,
    /// Entries in the payload.
    pub number_of_files: Option<u64>,
    /// Name of the script that runs before the payload, as recorded, such as `./preinstall`.
    pub preinstall: Option<String>,
    /// Name of the script that runs after the payload.
    pub postinstall: Option<String>,
    /// Application and other bundles in the payload.
    pub bundles: Vec<Bundle>,
    /// `none`, `logout`, `restart` or `shutdown`, when something is to happen afterwards.
    pub postinstall_action: Option<String>,
    /// Whether the payload follows a moved application.
    pub relocatable: Option<bool>,
    /// `minimumSystemVersion`, when it names one.
    pub minimum_system: Option<String>,
}

/// A bundle the payload carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// `CFBundleIdentifier`.
    pub identifier: String,
    /// Path below the install location.
    pub path: Option<String>,
    /// `CFBundleShortVersionString`.
    pub short_version: Option<String>,
    /// `CFBundleVersion`.
    pub version: Option<String>,
}

impl PackageInfo {
    /// Reads a `PackageInfo` document.
    ///
    /// # Errors
    /// It is not XML.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let root = Element::parse(document)?;
        let owned = |name: &str| root.attribute(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let payload = root.first("payload");
        let number = |name| {
            payload.and_then(|payload| payload.attribute(name)).and_then(|text| text.trim().parse().ok())
        };
        let script = |name| {
            let element = root.first("scripts")?.first(name)?;
            Some(element.attribute("file").unwrap_or(name).to_owned())
        };
        let system =
            owned("minimumSystemVersion").filter(|version| version.contains(|c: char| c.is_ascii_digit()));
        Ok(Self {
            identifier: owned("identifier").unwrap_or_default(),
            version: owned("version").unwrap_or_default(),
            install_location: owned("install-location"),
            auth: owned("auth"),
            install_kbytes: number("installKBytes"),
            number_of_files: number("numberOfFiles"),
            preinstall: script("preinstall"),
            postinstall: script("postinstall"),
            bundles: root.all("bundle").map(bundle).collect(),
            postinstall_action: owned("postinstall-action").filter(|action| action != "none"),
            relocatable: root.attribute("relocatable").and_then(boolean),
            minimum_system: system,
        })
    }
}

fn bundle(element: &Element) -> Bundle {
    let owned = |name: &str| element.attribute(name).map(str::to_owned);
    Bundle {
        identifier: owned("CFBundleIdentifier").or_else(|| owned("id")).unwrap_or_default(),
        path: owned("path"),
        short_version: owned("CFBundleShortVersionString"),
        version: owned("CFBundleVersion"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_every_spelling_in_the_wild_is_read() {
        let info = PackageInfo::parse(
            br#"<pkg-info format-version="2" identifier="a.b" version="1.0" relocatable="no" install-location="/Applications"
                 auth="root" minimumSystemVersion="11.0" postinstall-action="none"><mumble minclient="1"/>
                 <payload installKBytes="172" numberOfFiles="9"/><bundle path="./d.app" id="x" CFBundleVersion="1"/>
                 <scripts><postinstall file="./postinstall"/><preinstall/></scripts></pkg-info>"#,
        )
        .unwrap();
        assert_eq!((info.identifier.as_str(), info.version.as_str()), ("a.b", "1.0"));
        assert_eq!(info.relocatable, Some(false));
        assert_eq!(info.minimum_system.as_deref(), Some("11.0"));
        assert_eq!((info.install_kbytes, info.number_of_files), (Some(172), Some(9)));
        assert_eq!(info.preinstall.as_deref(), Some("preinstall"));
        assert_eq!(info.postinstall.as_deref(), Some("./postinstall"));
        assert_eq!(info.postinstall_action, None);
        assert_eq!(info.bundles[0].identifier, "x");
    }

    #[test]
    fn p2_an_almost_empty_description_is_no_error() {
        let info = PackageInfo::parse(b"<pkg-info minimumSystemVersion='true'/>").unwrap();
        assert_eq!(info, PackageInfo { ..PackageInfo::default() });
        assert!(PackageInfo::parse(b"<pkg-info").is_err());
    }
}
