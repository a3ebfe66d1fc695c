//! Where a repository has its files (T15–T18): a pure choice of URLs.
//!
//! Names come from catalogs, and a catalog is only as trustworthy as whoever can write to its web server. So a name
//! never leads out of its folder, a file on another host only where that host is named in the settings, and the
//! repository's credential goes to the repository's origin alone.

use super::Place;
use std::fmt;
use url::Url;

/// The base of a repository: an `https` URL, or `http` to this computer.
#[derive(Clone, PartialEq, Eq)]
pub struct Repo {
    /// As it was written: addresses are made by putting texts together (T15).
    base: String,
    url: Url,
}

/// Why something is no address to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is no URL, or one that has parts an address of a repository cannot have.
    #[error("it is no URL without user, password and fragment")]
    Form,
    /// What is sent there could be read on the way.
    #[error("it is not an https URL")]
    Insecure,
    /// The name of the file leads out of its folder, or is none (T17).
    #[error("`{}` is no name of a file below the repository", shown_name(.0))]
    Name(String),
    /// The file is on a host nobody has allowed (T16).
    #[error("the host {0} is not among TitleHosts")]
    Host(String),
}

impl Repo {
    /// The repository at `base`.
    ///
    /// # Errors
    /// When that is no address to ask.
    pub fn new(base: &str) -> Result<Self, BadAddress> {
        Ok(Self { base: base.to_owned(), url: web_address(base)? })
    }

    /// The address of a catalog.
    ///
    /// # Errors
    /// When its name leads out of the folder.
    pub fn catalog(&self, name: &str) -> Result<Url, BadAddress> {
        self.file("catalogs", name)
    }

    /// The address of the signature of a catalog (T32).
    ///
    /// # Errors
    /// When its name leads out of the folder.
    pub fn catalog_signature(&self, name: &str) -> Result<Url, BadAddress> {
        check_location(name)?;
        self.file("catalogs", &format!("{name}{}", crate::minisign::SUFFIX))
    }

    /// The address of an icon.
    ///
    /// # Errors
    /// When its name leads out of the folder.
    pub fn icon(&self, name: &str) -> Result<Url, BadAddress> {
        self.file("icons", name)
    }

    /// The address of a package. It is on the repository's host or on one of `hosts` (`TitleHosts`), where `*` means all
    /// (T16).
    ///
    /// # Errors
    /// When its name leads out of the folder, or the address must not be asked.
    pub fn package(&self, place: &Place, hosts: &[String]) -> Result<Url, BadAddress> {
        let url = match place {
            Place::Below(location) => self.file("pkgs", location)?,
            Place::At(url) => web_address(url)?,
        };
        match url.host_str() {
            Some(host) if self.is_allowed(host, hosts) => Ok(url),
            host => Err(BadAddress::Host(host.unwrap_or_default().to_owned())),
        }
    }

    /// Whether `url` may see the repository's credential: the same scheme, host and port (T16).
    #[must_use]
    pub fn may_see_credential(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// What may be shown of its address: scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn is_allowed(&self, host: &str, hosts: &[String]) -> bool {
        self.host() == host
            || hosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(host))
    }

    /// A file in a folder of the repository, by putting texts together: a base may end in `?` (T15).
    fn file(&self, folder: &str, name: &str) -> Result<Url, BadAddress> {
        check_location(name)?;
        let slash = if self.base.ends_with(['/', '?']) { "" } else { "/" };
        let text = format!("{}{slash}{folder}/{}", self.base, escaped(name));
        let url = Url::parse(&text).map_err(|_| BadAddress::Form)?;
        if self.may_see_credential(&url) { Ok(url) } else { Err(BadAddress::Form) }
    }
}

impl fmt::Debug for Repo {
    /// A path or query may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repo({})", self.origin())
    }
}

/// Where `PackageURL` and `installer_item_location` of a catalog lead together (T16).
///
/// # Errors
/// When the location leads out of its folder, or there is nothing to ask at such an address.
pub fn place_at(package_url: &str, location: &str) -> Result<Place, BadAddress> {
    check_location(location)?;
    let slash = if package_url.ends_with('/') { "" } else { "/" };
    let base = web_address(&format!("{package_url}{slash}"))?;
    let url = base.join(location).map_err(|_| BadAddress::Form)?;
    // `%2e%2e` is a step up as well.
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    if !url.path().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) {
        return Err(BadAddress::Name(location.to_owned()));
    }
    web_address(url.as_str()).map(|url| Place::At(url.into()))
}

/// An `https` URL, or an `http` URL of this computer, which nobody reads on the way.
///
/// # Errors
/// When `text` is something else.
pub fn web_address(text: &str) -> Result<Url, BadAddress> {
    // The parser would drop some of these in silence, and then the text would not be the address.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(BadAddress::Form);
    }
    let url = Url::parse(text).map_err(|_| BadAddress::Form)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if url.host().is_none() || has_user || url.fragment().is_some() {
        return Err(BadAddress::Form);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_this_computer(&url) => Ok(url),
        _ => Err(BadAddress::Insecure),
    }
}

fn is_this_computer(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a name that a catalog gives stays in its folder (T17).
///
/// # Errors
/// When it is empty, absolute or climbs, or has a backslash or a control character.
pub fn check_location(name: &str) -> Result<(), BadAddress> {
    let leads_out = name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if leads_out || name.chars().any(|c| c == '\\' || c.is_control()) {
        return Err(BadAddress::Name(name.to_owned()));
    }
    Ok(())
}

/// A name as it may stand in an error: short, on one line.
fn shown_name(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

/// `name` as part of a URL: names are stored unescaped, so `%` is escaped as well (T15).
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => text.push(char::from(byte)),
            _ if b"!$&'()*+,-./:=@_~".contains(&byte) => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn repo(base: &str) -> Repo {
        Repo::new(base).unwrap()
    }

    fn at(location: &str) -> Place {
        Place::Below(location.to_owned())
    }

    #[test]
    fn t15_addresses_are_put_together_and_names_are_escaped() {
        let cases = [
            ("https://a.example/repo", "prod", "https://a.example/repo/catalogs/prod"),
            ("https://a.example/repo/", "prod", "https://a.example/repo/catalogs/prod"),
            ("https://a.example", "prod", "https://a.example/catalogs/prod"),
            ("https://a.example/get?", "prod", "https://a.example/get?catalogs/prod"),
            ("https://a.example/get?repo=1", "prod", "https://a.example/get?repo=1/catalogs/prod"),
            ("http://127.0.0.1:8080/r", "prod", "http://127.0.0.1:8080/r/catalogs/prod"),
            ("https://a.example/r", "a b;c?d#e%20", "https://a.example/r/catalogs/a%20b%3Bc%3Fd%23e%2520"),
            (
                "https://a.example/r",
                "é!$&'()*+,-.:=@_~",
                "https://a.example/r/catalogs/%C3%A9!$&'()*+,-.:=@_~",
            ),
        ];
        for (base, name, url) in cases {
            assert_eq!(repo(base).catalog(name).unwrap().as_str(), url);
        }
        let repo = repo("https://a.example/r");
        assert_eq!(repo.catalog_signature("prod").unwrap().as_str(), "https://a.example/r/catalogs/prod.sig");
        assert_eq!(repo.icon("A.png").unwrap().as_str(), "https://a.example/r/icons/A.png");
        let package = repo.package(&at("apps/A-1.0.pkg"), &[]).unwrap();
        assert_eq!(package.as_str(), "https://a.example/r/pkgs/apps/A-1.0.pkg");
    }

    #[test]
    fn t16_another_host_must_be_named_and_never_sees_the_credential() {
        let repo = repo("https://a.example/r");
        let complete = |url: &str| Place::At(url.to_owned());
        let based = |url| place_at(url, "apps/x.pkg").unwrap();
        for (place, url) in [
            (complete("https://b.example/y.pkg?z"), "https://b.example/y.pkg?z"),
            (based("https://b.example/pkgs"), "https://b.example/pkgs/apps/x.pkg"),
            (based("https://b.example/pkgs/"), "https://b.example/pkgs/apps/x.pkg"),
        ] {
            assert_eq!(repo.package(&place, &[]), Err(BadAddress::Host("b.example".into())));
            let others = ["c.example".to_owned()];
            assert_eq!(repo.package(&place, &others), Err(BadAddress::Host("b.example".into())));
            for hosts in ["B.example", "*"] {
                let package = repo.package(&place, &[hosts.to_owned()]).unwrap();
                assert_eq!(package.as_str(), url);
                assert!(!repo.may_see_credential(&package));
            }
        }
        assert!(repo.package(&at("x.pkg"), &["b.example".into()]).is_ok(), "its own host needs no name");
        let own = repo.package(&complete("https://a.example:443/z"), &[]).unwrap();
        assert!(repo.may_see_credential(&own));
        for other in ["https://a.example:8443/z", "http://a.example/z", "https://a.example.evil/z"] {
            assert!(!repo.may_see_credential(&Url::parse(other).unwrap()), "{other}");
        }
        for insecure in ["http://a.example/z", "ftp://a.example/z", "file:///z"] {
            assert!(repo.package(&complete(insecure), &["*".into()]).is_err(), "{insecure}");
        }
    }

    #[test]
    fn t17_a_name_never_leads_out_of_its_folder() {
        let repo = repo("https://a.example/r");
        for name in ["", "/x", "x/", "a//b", ".", "..", "../x", "a/../x", "a/./x", "a\\b", "a\nb", "a\0b"] {
            let refused = Err(BadAddress::Name(name.to_owned()));
            assert_eq!(repo.catalog(name), refused, "{name:?}");
            assert_eq!(repo.catalog_signature(name), refused, "{name:?}");
            assert_eq!(repo.package(&at(name), &["*".into()]), refused, "{name:?}");
            assert_eq!(
                place_at("https://b.example", name),
                Err(BadAddress::Name(name.to_owned())),
                "{name:?}"
            );
        }
        assert_eq!(
            BadAddress::Name("a\nb".into()).to_string(),
            "`a\\nb` is no name of a file below the repository"
        );
        assert!(repo.package(&at("..x/x.."), &[]).is_ok());
        let climbing = place_at("https://b.example/pkgs", "%2e%2E/x");
        assert_eq!(climbing, Err(BadAddress::Name("%2e%2E/x".into())));
        assert!(place_at("https://b.example", "a:b.pkg").is_err() && place_at("pkgs", "x").is_err());
    }

    #[test]
    fn a_base_is_https_without_user_and_fragment_and_is_not_shown_whole() {
        for base in [
            "",
            "repo",
            "http://a.example/",
            "ftp://a.example/",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "https://a.example/ x",
            "https://a.exam\nple/",
            "https:\\\\a.example",
            "https://",
        ] {
            assert!(Repo::new(base).is_err(), "{base:?}");
        }
        assert_eq!(format!("{:?}", repo("https://a.example/secret?key=1")), "Repo(https://a.example)");
        assert!(Repo::new("http://localhost:8080").is_ok() && Repo::new("http://[::1]/r").is_ok());
    }

    proptest! {
        #[test]
        fn whatever_its_name_a_file_is_below_the_repository(name in "\\PC{0,20}|[./%\\\\?#a:@]{0,12}") {
            let repo = repo("https://a.example/r");
            if let Ok(url) = repo.package(&at(&name), &[]) {
                prop_assert!(url.as_str().starts_with("https://a.example/r/pkgs/"), "{}", url);
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
