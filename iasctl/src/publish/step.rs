//! The steps of the gate in their order, and what came of each (T87, T88).

use serde::Serialize;

/// A step; the order is that in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The override's trust information.
    Trust,
    /// The file, by https, with the vendor's digest.
    Download,
    /// Who signed it.
    Signature,
    /// Apple's ticket; told, never a reason to stop.
    Notarisation,
    /// The digest in its pkginfo.
    Digest,
    /// What VirusTotal thinks.
    Virustotal,
    /// Its pkginfo, and what is wrong with that.
    Pkginfo,
    /// Into `pkgs`.
    Pkgs,
    /// Into `pkgsinfo`.
    Pkgsinfo,
    /// Into `icons`.
    Icons,
    /// What is kept of a title that passed; taken only when it fails.
    Record,
    /// The catalogs.
    Catalogs,
}

impl Step {
    /// As it is written in a title's file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Download => "download",
            Self::Signature => "signature",
            Self::Notarisation => "notarisation",
            Self::Digest => "digest",
            Self::Virustotal => "virustotal",
            Self::Pkginfo => "pkginfo",
            Self::Pkgs => "pkgs",
            Self::Pkgsinfo => "pkgsinfo",
            Self::Icons => "icons",
            Self::Record => "record",
            Self::Catalogs => "catalogs",
        }
    }

    /// Those that a title may leave out, with a reason.
    pub(super) const SKIPPABLE: [Self; 4] =
        [Self::Trust, Self::Signature, Self::Notarisation, Self::Virustotal];
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// Well.
    Passed,
    /// Left out, as the title's file says.
    Skipped,
    /// Nobody could tell; it stops nothing.
    Warning,
    /// Somebody has to decide: the title is not published.
    Held,
    /// The title is not published.
    Failed,
}

/// One step taken.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Taken {
    pub(super) step: Step,
    pub(super) verdict: Verdict,
    /// Why, in words.
    pub(super) detail: String,
}

impl Taken {
    pub(super) fn new(step: Step, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { step, verdict, detail: detail.into() }
    }

    /// Whether the title goes no further.
    pub(super) fn halts(&self) -> bool {
        matches!(self.verdict, Verdict::Held | Verdict::Failed)
    }
}
