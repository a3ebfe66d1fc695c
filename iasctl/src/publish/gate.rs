//! One title through the gate (T87): everything is known before anything in the repository changes.

use super::{
    candidate::{Candidate, News},
    property_list,
    publisher::{Exception, Publisher, Title},
    signature,
    step::{Step, Taken, Verdict},
    trust,
    virustotal::{Asked, Gate as VirusTotalGate, Means, Said},
};
use crate::{
    chain::chain,
    web::{self, Follow, Request, Web},
};
use plist::Dictionary;
use shared::{digest::Digest, flat_package::signature::TrustRoots};
use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use url::Url;

/// The largest file that is downloaded.
const LARGEST: u64 = 64 << 30;

/// What all titles of a run share.
pub(super) struct Gate<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) web: &'a Web,
    pub(super) roots: &'a TrustRoots,
    /// One for all titles: the key's requests a minute are counted over all of them. Or why there is none.
    virustotal: Result<VirusTotalGate<'a>, String>,
}

impl<'a> Gate<'a> {
    /// With what this publisher says of VirusTotal.
    pub(super) fn new(
        publisher: &'a Publisher,
        web: &'a Web,
        roots: &'a TrustRoots,
        exceptions: &'a [Exception],
    ) -> Self {
        let settings = &publisher.settings.virustotal;
        let key = settings.vt_key_file.as_ref().map(|file| publisher.path(file));
        let virustotal = VirusTotalGate::new(web, settings, exceptions, key.as_deref());
        Self { publisher, web, roots, virustotal }
    }
}

/// How far a title has come.
#[derive(Debug, Default)]
pub(super) struct Passage {
    pub(super) taken: Vec<Taken>,
    pub(super) sha256: Option<String>,
    /// As its pkginfo says.
    pub(super) version: Option<String>,
    pub(super) candidate: Option<Candidate>,
    /// The override it is made by, where that is found.
    pub(super) override_file: Option<PathBuf>,
}

impl Passage {
    /// The step at which it was stopped.
    pub(super) fn halted(&self) -> Option<&Taken> {
        self.taken.iter().find(|taken| taken.halts())
    }

    /// Takes a step that passes or fails; says whether it passed.
    pub(super) fn take(&mut self, step: Step, done: Result<String, String>) -> bool {
        let (verdict, detail) = match done {
            Ok(detail) => (Verdict::Passed, detail),
            Err(detail) => (Verdict::Failed, detail),
        };
        self.taken.push(Taken::new(step, verdict, detail));
        verdict == Verdict::Passed
    }

    /// Whether the title's file leaves the step out; a reason is needed.
    fn skips(&mut self, step: Step, title: &Title) -> bool {
        let reason = skip_reason(step, title);
        if let Some(reason) = reason {
            self.taken.push(Taken::new(step, Verdict::Skipped, reason));
        }
        reason.is_some()
    }
}

impl Gate<'_> {
    /// Takes steps 1 to 7: the file lies in `scratch`, the candidate is ready, nothing is published.
    pub(super) fn pass(&self, name: &str, title: &Title, scratch: &TempDir) -> Passage {
        let mut passage = Passage { version: self.version(title), ..Passage::default() };
        if let Some(stranger) = stranger(title) {
            passage.take(Step::Trust, Err(stranger));
            return passage;
        }
        // The first that stops it is the last.
        let _ =
            self.trusted(title, &mut passage) && self.downloaded(name, title, scratch.path(), &mut passage);
        passage
    }

    /// The version that is to be published.
    pub(super) fn version(&self, title: &Title) -> Option<String> {
        self.source(title).ok()?.get("version")?.as_string().map(str::to_owned)
    }

    fn trusted(&self, title: &Title, passage: &mut Passage) -> bool {
        let lineage = self.lineage(title);
        if let Some(why) = signature::switched_off(lineage.as_ref().map_or(&[], |lineage| &lineage.set)) {
            return passage.take(Step::Trust, Err(why));
        }
        passage.override_file = lineage.map(|lineage| lineage.file);
        passage.skips(Step::Trust, title) || passage.take(Step::Trust, self.trust(title))
    }

    /// The verdict about the override of a title.
    pub(super) fn trust(&self, title: &Title) -> Result<String, String> {
        let named = title.r#override.as_deref().ok_or("the title names no override")?;
        let verdict = trust::verify(&self.asked(named), &self.folders()?);
        if !verdict.trusted {
            return Err(verdict.reasons.join("; "));
        }
        Ok(format!("{named}: parents and processors are as they were read"))
    }

    /// Why nothing may be published of this title, also where trust is left out (T79).
    pub(super) fn switched_off(&self, title: &Title) -> Option<String> {
        signature::switched_off(self.lineage(title).as_ref().map_or(&[], |lineage| &lineage.set))
    }

    /// Its override with the recipes above, where all of them can be had. Where not, it is for trust to say so.
    fn lineage(&self, title: &Title) -> Option<trust::Lineage> {
        trust::lineage(&self.asked(title.r#override.as_deref()?), &self.folders().ok()?).ok()
    }

    /// An override by its path, where it is one below the publisher's folder.
    fn asked(&self, named: &str) -> String {
        let below = self.publisher.path(named);
        if below.is_file() { below.display().to_string() } else { named.to_owned() }
    }

    /// AutoPkg's folders. One that is mistyped must not make trust look elsewhere.
    fn folders(&self) -> Result<trust::Folders, String> {
        let there = |key: &str, folders: &[PathBuf]| {
            let there = |folder: &PathBuf| {
                let folder = self.publisher.path(folder);
                let is_there = folder.is_dir();
                is_there
                    .then_some(folder.clone())
                    .ok_or(format!("{key}: {}: no such folder", folder.display()))
            };
            folders.iter().map(there).collect::<Result<Vec<_>, _>>()
        };
        let settings = &self.publisher.settings;
        Ok(trust::Folders {
            overrides: there("override_dirs", &settings.override_dirs)?,
            search: there("search_dirs", &settings.search_dirs)?,
            repos: there("recipe_repos", &settings.recipe_repos)?,
        })
    }

    fn downloaded(&self, name: &str, title: &Title, scratch: &Path, passage: &mut Passage) -> bool {
        let file = match self.download(title, scratch) {
            Ok((file, digest, detail)) => {
                passage.sha256 = Some(digest.to_string());
                passage.take(Step::Download, vendor(title, digest).map(|()| detail));
                file
            }
            Err(why) => return passage.take(Step::Download, Err(why)),
        };
        if passage.halted().is_some() {
            return false;
        }
        let signed = || signature::verify(&file, title, self.roots);
        if !passage.skips(Step::Signature, title) && !passage.take(Step::Signature, signed()) {
            return false;
        }
        if !passage.skips(Step::Notarisation, title) {
            let told = "not looked at by this version";
            passage.taken.push(Taken::new(Step::Notarisation, Verdict::Warning, told));
        }
        self.judged(name, title, &file, passage)
    }

    /// The file of a title, with its digest.
    fn download(&self, title: &Title, scratch: &Path) -> Result<(PathBuf, Digest, String), String> {
        match (&title.url, &title.file) {
            (Some(_), Some(_)) | (None, None) => Err("the title must name either url or file".to_owned()),
            (None, Some(file)) => {
                let file = self.publisher.path(file);
                // What is checked is what is published: nobody changes a copy.
                let copy = scratch.join(file.file_name().ok_or("the title's file has no name")?);
                let failed = |error: io::Error| format!("{}: {error}", file.display());
                std::fs::copy(&file, &copy).map_err(failed)?;
                let digest = digest(&copy).map_err(failed)?;
                Ok((copy, digest, format!("{} was there", file.display())))
            }
            (Some(url), None) => self.fetch(url, scratch),
        }
    }

    fn fetch(&self, url: &str, scratch: &Path) -> Result<(PathBuf, Digest, String), String> {
        let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        if url.scheme() != "https" && !web::is_this_computer(&url) {
            return Err(format!("{}: only https is used", web::shown(&url)));
        }
        let part = scratch.join("download");
        let failed = |error: io::Error| format!("{}: {error}", part.display());
        let mut file = File::create(&part).map_err(failed)?;
        let request = Request { follow: Follow::Redirects, limit: LARGEST, ..Request::default() };
        let answer = self.web.fetch(&url, &request, &mut file).map_err(|error| chain(&error))?;
        file.flush().map_err(failed)?;
        if answer.status != 200 {
            return Err(format!("{}: status {}", web::shown(&answer.url), answer.status));
        }
        if let Some(length) = answer.header("content-length").and_then(|length| length.parse::<u64>().ok())
            && length != answer.bytes
        {
            return Err(format!("{}: {} bytes came of {length}", web::shown(&answer.url), answer.bytes));
        }
        let name = answer.url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let name = if name.is_empty() || name == "download" { "file" } else { name };
        let mut whole = scratch.join(name);
        if whole.extension().is_none() && is_package(&part).map_err(failed)? {
            whole.set_extension("pkg");
        }
        std::fs::rename(&part, &whole).map_err(failed)?;
        let digest = digest(&whole).map_err(|error| format!("{}: {error}", whole.display()))?;
        Ok((whole, digest, format!("{} bytes from {}", answer.bytes, web::shown(&answer.url))))
    }

    /// The pkginfo a title is made with.
    fn source(&self, title: &Title) -> Result<Dictionary, String> {
        let path = self.publisher.path(&title.pkginfo);
        let read = std::fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| property_list::read(&bytes).map_err(|error| error.to_string()))
            .and_then(|value| value.into_dictionary().ok_or_else(|| "no dictionary".to_owned()));
        read.map_err(|why| format!("{}: {why}", path.display()))
    }

    /// Steps 5 to 7.
    fn judged(&self, name: &str, title: &Title, file: &Path, passage: &mut Passage) -> bool {
        let Some(sha256) = passage.sha256.clone() else { return false };
        let pkginfo = self.source(title);
        let candidate = pkginfo.and_then(|pkginfo| Candidate::new(name, title, pkginfo, file, &sha256));
        let mut candidate = match candidate {
            Ok(candidate) => candidate,
            Err(why) => return passage.take(Step::Digest, Err(why)),
        };
        passage.take(Step::Digest, Ok(sha256.clone()));
        if !passage.skips(Step::Virustotal, title) {
            let taken = self.virustotal(
                name,
                title,
                &sha256,
                if title.private { Means::Analysing } else { Means::HandingOver(file) },
            );
            let halts = taken.halts();
            passage.taken.push(taken);
            if halts {
                return false;
            }
        }
        let repository = self.publisher.path(&self.publisher.settings.repository);
        let ready = super::repository::Repository::open(&repository)
            .and_then(|repository| candidate.place(&repository));
        let detail = ready.map(|()| match candidate.news {
            News::Unchanged => "this file is published already".to_owned(),
            News::New => format!("{} {}", candidate.name, candidate.version),
        });
        let passed = passage.take(Step::Pkginfo, detail);
        passage.candidate = Some(candidate);
        passed
    }

    /// What VirusTotal thinks of a file, and of the vendor's one.
    pub(super) fn virustotal(&self, name: &str, title: &Title, sha256: &str, means: Means<'_>) -> Taken {
        let gate = match &self.virustotal {
            Ok(gate) => gate,
            Err(why) => return Taken::new(Step::Virustotal, Verdict::Held, why),
        };
        let (mut verdict, mut told) = (Verdict::Passed, Vec::new());
        // Nobody has the vendor's file here.
        let own = |means: Means<'_>| {
            if matches!(means, Means::Looking) { Means::Looking } else { Means::Analysing }
        };
        let vendor =
            title.vendor_sha256.as_deref().map(|sha256| Asked { sha256, title: name, means: own(means) });
        for asked in [Asked { sha256, title: name, means }].into_iter().chain(vendor) {
            match gate.ask(&asked) {
                Said::Passed(why) => told.push(why),
                Said::Old(why) => {
                    verdict = Verdict::Warning;
                    told.push(why);
                }
                Said::Held(why) => return Taken::new(Step::Virustotal, Verdict::Held, why),
                Said::Refused(why) => return Taken::new(Step::Virustotal, Verdict::Failed, why),
            }
        }
        Taken::new(Step::Virustotal, verdict, told.join("; vendor's file: "))
    }
}

/// Why the title's file leaves a step out; without a reason it does not.
pub(super) fn skip_reason(step: Step, title: &Title) -> Option<&str> {
    let can_be = Step::SKIPPABLE.contains(&step);
    title.skip.get(step.name()).map(|reason| reason.trim()).filter(|reason| can_be && !reason.is_empty())
}

/// A step in `skip` that cannot be skipped, or that has no reason.
pub(super) fn stranger(title: &Title) -> Option<String> {
    title.skip.iter().find_map(|(step, reason)| {
        let known = Step::SKIPPABLE.iter().any(|known| known.name() == step);
        match (known, reason.trim().is_empty()) {
            (false, _) => Some(format!("skip: {step} is no step that can be left out")),
            (true, true) => Some(format!("skip: {step} is left out without a reason")),
            (true, false) => None,
        }
    })
}

/// Whether the file is what its vendor says.
fn vendor(title: &Title, digest: Digest) -> Result<(), String> {
    let Some(expected) = &title.sha256 else { return Ok(()) };
    let expected: Digest = expected.parse().map_err(|error| format!("sha256: {error}"))?;
    if expected == digest { Ok(()) } else { Err(format!("its digest is {digest}, the vendor's {expected}")) }
}

/// Whether a file that nobody has named so begins as a flat package does.
fn is_package(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(File::open(path)?, 4), &mut first)?;
    Ok(first == b"xar!")
}

/// The digest of a file.
pub(crate) fn digest(path: &Path) -> io::Result<Digest> {
    let (mut file, mut digester) = (File::open(path)?, shared::digest::Digester::default());
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            return Ok(digester.finish());
        }
        digester.update(buffer.get(..count).unwrap_or_default());
    }
}
