//! What was packed, as text and as JSON; docs/pack.md describes the fields.

use serde::Serialize;
use shared::wording::bytes;
use std::fmt::{self, Display, Formatter};

/// Everything `pack` made.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The package.
    pub(super) package: Package,
    /// The names used in it.
    pub(super) names: Named,
    /// What lies beside it.
    pub(super) files: Vec<Made>,
    /// What the admin should know.
    pub(super) warnings: Vec<String>,
}

/// The package.
#[derive(Debug, Serialize)]
pub(super) struct Package {
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) identifier: String,
    pub(super) version: String,
    pub(super) minimum_system: String,
    pub(super) architectures: Vec<&'static str>,
    /// Where it must be served, if that is known.
    pub(super) url: Option<String>,
    /// The certificate's name; `None` when it is not signed.
    pub(super) signed_by: Option<String>,
    /// The name in the certificate the programs were signed with now; `None`: ad hoc, or left as they were.
    pub(super) programs_signed_by: Option<String>,
    pub(super) installs: Vec<Installed>,
}

/// One installed file.
#[derive(Debug, Serialize)]
pub(super) struct Installed {
    pub(super) path: String,
    pub(super) mode: String,
    pub(super) bytes: u64,
}

/// Labels and services.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    pub(super) log: String,
    pub(super) daemon: String,
    pub(super) agent: String,
    pub(super) service: String,
}

/// A file beside the package.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    /// `manifest`, `profile` or `declaration`.
    pub(super) kind: &'static str,
    pub(super) file: String,
    pub(super) bytes: u64,
    /// Where it must be served, if it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let package = &self.package;
        let line =
            |f: &mut Formatter<'_>, name: &str, value: &dyn Display| writeln!(f, "    {name:<14} {value}");
        writeln!(f, "{}", package.file)?;
        line(f, "Package", &format_args!("{} {}", package.identifier, package.version))?;
        line(f, "Size", &format_args!("{} ({} bytes)", bytes(package.bytes), package.bytes))?;
        line(
            f,
            "Runs on",
            &format_args!("{}, macOS {}", package.architectures.join(" and "), package.minimum_system),
        )?;
        match &package.signed_by {
            Some(name) => line(f, "Signed by", name)?,
            None => {
                line(f, "Signature", &"none: sign it, or let your MDM sign it; Macs refuse it otherwise")?
            }
        }
        if let Some(name) = &package.programs_signed_by {
            line(f, "Programs by", name)?;
        }
        if let Some(url) = &package.url {
            line(f, "To be served", url)?;
        }
        line(f, "SHA-256", &package.sha256)?;
        let total = package.installs.iter().map(|file| file.bytes).sum();
        line(f, "Installs", &format_args!("{} files, {}", package.installs.len(), bytes(total)))?;
        for file in &package.installs {
            writeln!(f, "      {} {:>9}  {}", file.mode, bytes(file.bytes), file.path)?;
        }
        for made in &self.files {
            writeln!(f, "{}", made.file)?;
            let what = match made.kind {
                "manifest" => "for InstallEnterpriseApplication; its digests were compared with the package",
                "profile" => "the settings as managed preferences",
                _ => "for macOS 26 and later: com.apple.configuration.package",
            };
            line(f, "What", &what)?;
            line(f, "Size", &bytes(made.bytes))?;
            if let Some(url) = &made.url {
                line(f, "To be served", url)?;
            }
        }
        Ok(())
    }
}
