//! `sw_vers` and `sysctl`: which macOS, on which Mac (P66).

use super::tools::{Request, Tools};
use crate::host::HostError;
use shared::{
    facts::Arch,
    sys::tools::{SW_VERS, SYSCTL},
};
use std::fmt;

/// Asks for the system's version.
pub(super) fn sw_vers() -> Request {
    Request::new::<String>(SW_VERS, [])
}

/// Asks the kernel for one value.
pub(super) fn sysctl(name: &str) -> Request {
    Request::new(SYSCTL, ["-n", name])
}

/// The running system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// The product version, such as `15.1`.
    pub(super) product: String,
    /// The letter of a rapid security response, such as `(a)`; empty when there is none.
    pub(super) extra: String,
    /// The build, such as `24B83`.
    pub(super) build: String,
}

impl Version {
    /// Reads what `sw_vers` prints; `None` when it names no product version.
    pub(super) fn parse(answer: &str) -> Option<Self> {
        let value = |name: &str| {
            let line =
                answer.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
            line.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        let version = Self {
            product: value("ProductVersion"),
            extra: value("ProductVersionExtra"),
            build: value("BuildVersion"),
        };
        (!version.product.is_empty()).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "macOS {}", self.product)?;
        if !self.extra.is_empty() {
            write!(f, " {}", self.extra)?;
        }
        if self.build.is_empty() { Ok(()) } else { write!(f, " ({})", self.build) }
    }
}

/// Which macOS this is.
///
/// # Errors
/// When `sw_vers` does not say.
pub(super) async fn version(tools: &Tools) -> Result<Version, HostError> {
    let request = sw_vers();
    let answer = tools.text(&request).await?;
    Version::parse(&answer)
        .ok_or_else(|| HostError { what: request.what(), why: "it names no ProductVersion".into() })
}

/// The identifier the kernel gives each boot; `None` when it does not say.
pub(super) async fn boot_session(tools: &Tools) -> Option<String> {
    let answer = tools.text(&sysctl("kern.bootsessionuuid")).await.ok()?;
    let answer = answer.trim();
    (!answer.is_empty()).then(|| answer.to_owned())
}

/// Which hardware this is, also when we run translated; Intel's kernel does not know the question (P66).
pub(super) async fn arch(tools: &Tools) -> Arch {
    if is_set(tools, "hw.optional.arm64").await { Arch::Arm64 } else { Arch::X86_64 }
}

/// Whether this process is translated from Intel code (P66).
pub(super) async fn is_translated(tools: &Tools) -> bool {
    is_set(tools, "sysctl.proc_translated").await
}

/// The model, such as `Mac15,6`.
pub(super) async fn model(tools: &Tools) -> Option<String> {
    tools.text(&sysctl("hw.model")).await.ok().map(|model| model.trim().to_owned())
}

/// A value that is missing counts as 0.
async fn is_set(tools: &Tools, name: &str) -> bool {
    tools.text(&sysctl(name)).await.is_ok_and(|value| value.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p66_the_exact_calls() {
        assert_eq!(sw_vers(), Request { tool: "/usr/bin/sw_vers", arguments: Vec::new() });
        let request = sysctl("hw.optional.arm64");
        assert_eq!(
            (request.tool, request.arguments),
            ("/usr/sbin/sysctl", vec!["-n".into(), "hw.optional.arm64".into()])
        );
    }

    #[test]
    fn versions_of_old_and_new_systems_are_read() {
        // Forms: https://scriptingosx.com/2017/11/on-the-macos-version/,
        // https://eclecticlight.co/2023/05/07/last-week-on-my-mac-all-in-the-numbers/
        let read = |answer| Version::parse(answer).unwrap().to_string();
        assert_eq!(
            read("ProductName:\t\tmacOS\nProductVersion:\t\t15.1\nBuildVersion:\t\t24B83\n"),
            "macOS 15.1 (24B83)"
        );
        assert_eq!(
            read("ProductName:    Mac OS X\nProductVersion: 10.13.1\nBuildVersion:   17B48\n"),
            "macOS 10.13.1 (17B48)"
        );
        let response = "ProductName:\t\tmacOS\nProductVersion:\t\t13.3.1\nProductVersionExtra:\t(a)\nBuildVersion:\t\t22E772610a\n";
        assert_eq!(read(response), "macOS 13.3.1 (a) (22E772610a)");
        assert_eq!(read("ProductVersion: 15.1\n"), "macOS 15.1");
        assert_eq!(Version::parse(""), None);
    }
}
