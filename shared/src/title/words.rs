//! What people read about titles (T50).

use super::{step::Refusal, verdict::Verdict};
use crate::facts::Trace;
use std::fmt;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInCatalogs { catalogs, similar, .. } => {
                let noun = if catalogs.len() == 1 { "catalog" } else { "catalogs" };
                write!(f, "not in {noun} {}", catalogs.join(", "))?;
                if similar.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; did you mean {}?", similar.join(" or "))
                }
            }
            Self::NothingFits(reasons) => write!(f, "no applicable version: {}", reasons.join("; ")),
            Self::Prerequisite(which) => write!(f, "prerequisite failed: {which}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Repository(why) => write!(f, "the repository cannot be used: {why}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("not installed"),
            Self::Already(version) => write!(f, "already installed {version}"),
            Self::Newer(version) => write!(f, "newer installed {version}"),
            Self::Malformed(why) => write!(f, "refused: {why}"),
            Self::AskInstallCheck(_) => f.write_str("its installcheck_script tells"),
            Self::AskVersion(_) => f.write_str("its version_script tells"),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppAt(path) | Self::BundleAt(path) | Self::PlistAt(path) | Self::FileAt { path, .. } => {
                f.write_str(path)
            }
            Self::AppNamed { id, name } => {
                let known = id.as_deref().or(name.as_deref());
                write!(f, "the application {}", known.unwrap_or("without a name"))
            }
        }
    }
}
