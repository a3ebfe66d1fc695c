//! One entry of a phase: from an object as found to a checked [`Item`], or to every problem it has (R8–R25, R31).

use super::{
    Context, Entry, Severity, choice, content,
    fields::Fields,
    findings::{Findings, Subject},
    keys,
    raw::{Json, Value},
    signers, table, title,
    word::{self, Coerced, Problem, quoted},
};
use crate::{
    event::Listed,
    item::{FailPolicy, Item, ItemId, ItemKind, Phase, ReceiptTarget, RetryKeys, SkipIf},
    layout::MacPath,
};
use std::{collections::BTreeSet, time::Duration};

/// Longest `name` kept, in characters (R75).
const LONGEST_NAME: usize = 200;
/// Longest path and longest name of a file that macOS can open, in bytes.
const LONGEST_PATH: usize = 1023;
const LONGEST_FILE_NAME: usize = 255;

/// One entry under examination.
pub(super) struct Examination<'f, 'a> {
    pub(super) findings: &'f mut Findings<'a>,
    pub(super) context: &'f Context,
    /// Hosts already warned about (R118).
    pub(super) plain_hosts: &'f mut BTreeSet<String>,
    pub(super) id: ItemId,
    at: usize,
    pub(super) name: Option<String>,
    fields: Fields<'a>,
    /// Why the item is malformed: `key: problem`.
    pub(super) refusals: Vec<String>,
}

/// What became of an entry.
pub(super) struct Examined {
    pub(super) entry: Entry,
    /// Where its `file` stands, or the item itself.
    pub(super) file_at: usize,
}

/// Examines `value`, the entry `id` of the control file.
pub(super) fn examine<'a>(
    value: Value<'a>,
    id: ItemId,
    findings: &mut Findings<'a>,
    context: &Context,
    plain_hosts: &mut BTreeSet<String>,
) -> Examined {
    let at = findings.offset(value);
    let members = match value.open() {
        Json::Object(members) => members,
        other => {
            let problem = word::unexpected("an object", &other);
            let reason = problem.text.clone();
            findings.add(at, Subject { item: Some(id), ..Subject::default() }, problem);
            let name = "?".to_owned();
            let listed =
                Listed { id, name, kind: None, fail_policy: FailPolicy::default(), fingerprint: None };
            return Examined { entry: Entry::Malformed(listed, reason), file_at: at };
        }
    };
    let (fields, key_problems) = Fields::sort(members, &table::ITEM, findings, keys::stranger_in_item);
    let mut examination =
        Examination { findings, context, plain_hosts, id, at, name: None, fields, refusals: Vec::new() };
    examination.name = examination.read_name();
    for found in key_problems {
        let subject = examination.subject(&found.key);
        examination.findings.add(found.offset, subject, found.problem);
    }
    let entry = examination.read();
    Examined { entry, file_at: examination.offset_of("file") }
}

impl Examination<'_, '_> {
    /// The value of `key` as `coerce` understands it. An error in it makes the item malformed.
    pub(super) fn take<T>(&mut self, key: &str, coerce: impl FnOnce(&Json<'_>) -> Coerced<T>) -> Option<T> {
        let (_, json) = self.fields.get(key)?;
        let coerced = coerce(&json);
        if let Some(problem) = coerced.problem {
            self.tell(key, problem);
        }
        coerced.value
    }

    /// Tells of a problem with `key`, at its value, or at the item when the key is missing.
    pub(super) fn tell(&mut self, key: &str, problem: Problem) {
        if problem.severity == Severity::Error {
            self.refusals.push(format!("{key}: {}", problem.text));
        }
        self.tell_only(key, problem);
    }

    /// Tells of a problem that does not decide about the item.
    pub(super) fn tell_only(&mut self, key: &str, problem: Problem) {
        let subject = self.subject(key);
        self.findings.add(self.offset_of(key), subject, problem);
    }

    /// Whether the key is there and not `null`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some()
    }

    /// Whether the value of `key` makes the item malformed.
    pub(super) fn is_refused_for(&self, key: &str) -> bool {
        self.refusals.iter().any(|reason| reason.split(':').next() == Some(key))
    }

    fn subject(&self, key: &str) -> Subject {
        Subject { item: Some(self.id), name: self.name.clone(), key: Some(key.to_owned()) }
    }

    fn offset_of(&self, key: &str) -> usize {
        self.fields.get(key).map_or(self.at, |(value, _)| self.findings.offset(value))
    }

    pub(super) fn need<T>(&mut self, key: &str, coerce: impl FnOnce(&Json<'_>) -> Coerced<T>) -> Option<T> {
        if !self.has(key) {
            self.tell(key, Problem::error("missing"));
        }
        self.take(key, coerce)
    }

    fn read_name(&mut self) -> Option<String> {
        // A title has a name of its own.
        let key = if self.has("name") || !self.has("title") { "name" } else { "title" };
        let text = self.need(key, word::text)?;
        let shown: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        if shown.trim().is_empty() {
            let problem = Problem::warning("empty: progress and reports cannot say which item this is");
            self.tell(key, problem);
            return None;
        }
        Some(shown)
    }

    fn read(&mut self) -> Entry {
        let kind = self.read_kind();
        if matches!(kind, Ok(Some(ItemKind::Title))) {
            return self.read_title();
        }
        let fail_policy = self.take("fail_policy", choice::fail_policy).unwrap_or_default();
        let file = self.read_file();
        let mut sources = content::sources(self).into_iter();
        let (source, mirrors) = (sources.next(), sources.collect());
        let hash = content::hash(self, source.is_some());
        let skip_if: Vec<SkipIf> = self.take("skip_if", choice::skip_if).unwrap_or_default();
        let (receipt, always_install) = self.read_package_keys();
        let team_ids = self.take("team_ids", signers::team_ids).unwrap_or_default();
        let retry = self.read_retry_keys(source.is_some());
        let donotwait = self.take("donotwait", word::boolean).unwrap_or_default();
        let group = self.take("parallel_group", choice::parallel_group);
        let timeout = self.take("timeout", word::whole_number).unwrap_or_default();
        let app = match kind {
            Ok(Some(ItemKind::App)) => self.read_app(),
            _ => None,
        };
        let listed = Listed {
            id: self.id,
            name: self.name.clone().unwrap_or_else(|| "?".to_owned()),
            kind: kind.as_ref().ok().copied().flatten(),
            fail_policy,
            fingerprint: None,
        };
        let kind = match kind {
            Err(Ignored { kind, reason }) => return Entry::Ignored(Listed { kind, ..listed }, reason),
            Ok(kind) => kind,
        };
        if let Some(kind) = kind {
            self.warn_of_idle_keys(kind, always_install, donotwait, timeout > 0);
        }
        match (kind, file, self.refusals.is_empty()) {
            (Some(kind), Some(file), true) => {
                let preflight = self.id.phase == Phase::Preflight;
                Entry::Item(Box::new(Item {
                    id: self.id,
                    name: listed.name,
                    kind,
                    file,
                    source,
                    mirrors,
                    hash,
                    receipt: receipt.filter(|_| kind == ItemKind::Package),
                    team_ids: if can_be_signed(kind) { team_ids } else { Vec::new() },
                    always_install,
                    skip_if,
                    retry,
                    donotwait: donotwait && !preflight && may_run_unwatched(kind),
                    fail_policy,
                    group: group.filter(|_| !preflight),
                    timeout: (timeout > 0).then(|| Duration::from_secs(timeout.into())),
                    app,
                    wish: None,
                }))
            }
            _ => Entry::Malformed(listed, self.refusals.join("; ")),
        }
    }

    /// `Ok(None)`: malformed. `Err`: ignored (R12), which decides before any other problem, since nothing of an
    /// ignored item is ever used.
    fn read_kind(&mut self) -> Result<Option<ItemKind>, Ignored> {
        if !self.has("type") {
            self.tell("type", Problem::error("missing"));
            return Ok(None);
        }
        let Some((_, json)) = self.fields.get("type") else { return Ok(None) };
        let Coerced { value, problem } = choice::kind(&json);
        let Some(kind) = value else {
            let Some(mut problem) = problem else { return Ok(None) };
            if !matches!(json, Json::Text(_)) {
                self.tell("type", problem);
                return Ok(None);
            }
            let reason = problem.text.clone();
            problem.text.push_str("; the item is ignored");
            self.tell_only("type", problem);
            return Err(Ignored { kind: None, reason });
        };
        if let Some(problem) = problem {
            self.tell("type", problem);
        }
        if kind.allowed_in(self.id.phase) {
            return Ok(Some(kind));
        }
        let allowed: Vec<_> = ItemKind::ALL
            .into_iter()
            .filter(|kind| kind.allowed_in(self.id.phase))
            .map(ItemKind::key)
            .collect();
        let reason = format!("{kind} is not allowed in {} (allowed: {})", self.id.phase, allowed.join(", "));
        let better = Phase::ALL.into_iter().find(|phase| kind.allowed_in(*phase)).unwrap_or(Phase::Userland);
        let problem = Problem::error(format!("{reason}; the item is ignored"));
        self.tell_only("type", problem.hint(format!("move the item to {better}")));
        Err(Ignored { kind: Some(kind), reason })
    }

    /// R31: absolute, without `..`; a relative one is taken below `InstallPath`.
    fn read_file(&mut self) -> Option<MacPath> {
        let text = self.need("file", word::text)?;
        let home = &self.context.install_path;
        let relative = !text.starts_with('/');
        let path = if relative { home.join(&text) } else { MacPath::new(&text) };
        let path = match path {
            Ok(path) => path,
            Err(why) => {
                self.tell(
                    "file",
                    Problem::error(why.to_string()).hint("write an absolute path without `..`"),
                );
                return None;
            }
        };
        let folder = text.is_empty() || text.ends_with('/') || home.is_within(&path);
        let trouble = if folder {
            Some(format!("{} names a folder, not a file", quoted(&text)))
        } else if text.contains(char::is_control) {
            Some(format!("{} has a control character in it, such as a line end", quoted(&text)))
        } else if path.as_str().len() > LONGEST_PATH || path.file_name().len() > LONGEST_FILE_NAME {
            Some("the path is longer than macOS allows".to_owned())
        } else {
            None
        };
        if let Some(text) = trouble {
            self.tell("file", Problem::error(text));
            return None;
        }
        if relative {
            let problem = Problem::warning(format!("relative: taken as {}", quoted(path.as_str())));
            self.tell("file", problem.hint("write an absolute path; ~ and variables are not expanded"));
        }
        Some(path)
    }

    /// `packageid` and `version` (R20, R22), `required` and `pkg_required` (R19).
    fn read_package_keys(&mut self) -> (Option<ReceiptTarget>, bool) {
        let package_id = self.take("packageid", word::text_or_nothing);
        if package_id.as_ref().is_some_and(|id| id.starts_with('-')) {
            self.tell("packageid", Problem::error("begins with a hyphen: not a package identifier"));
        }
        let version = self.take("version", word::version);
        let required = self.take("required", word::boolean);
        let pkg_required = self.take("pkg_required", word::boolean);
        if let (Some(a), Some(b)) = (required, pkg_required)
            && a != b
        {
            let text = format!("differs from required ({a}): the package is installed whatever its receipt");
            self.tell("pkg_required", Problem::warning(text).hint("keep one of the two"));
        }
        let receipt = package_id.zip(version);
        let receipt = receipt.map(|(package_id, version)| ReceiptTarget { package_id, version });
        (receipt, required.unwrap_or_default() || pkg_required.unwrap_or_default())
    }

    pub(super) fn read_retry_keys(&mut self, downloaded: bool) -> RetryKeys {
        let retry = RetryKeys {
            retries: self.take("retries", word::whole_number),
            wait_seconds: self.take("retrywait", word::whole_number),
            within_seconds: self.take("download_timeout", word::whole_number).filter(|seconds| *seconds > 0),
        };
        for key in ["retries", "retrywait", "download_timeout"] {
            if !downloaded && self.has(key) && !self.has("url") && !self.has("urls") {
                self.idle(key, "nothing is downloaded for an item without url");
            }
        }
        retry
    }

    fn warn_of_idle_keys(&mut self, kind: ItemKind, always_install: bool, donotwait: bool, timeout: bool) {
        title::warn_of_idle_keys(self, kind);
        if kind != ItemKind::Package {
            if self.has("packageid") {
                self.idle("packageid", "it means something for packages only");
            }
            for key in ["version", "team_ids"] {
                if kind != ItemKind::App && self.has(key) {
                    self.idle(key, "it means something for packages and apps only");
                }
            }
            for key in ["required", "pkg_required"] {
                if always_install && self.has(key) {
                    self.idle(key, "it means something for packages only");
                }
            }
        } else if self.has("packageid") != self.has("version") && !always_install {
            let (there, missing) =
                if self.has("packageid") { ("packageid", "version") } else { ("version", "packageid") };
            let text = format!("without {missing} no receipt is looked for: installed on every run");
            self.tell(there, Problem::warning(text).hint(format!("add {missing}")));
        }
        if donotwait && self.id.phase == Phase::Preflight {
            self.idle("donotwait", "the verdict of preflight waits for every script");
        } else if donotwait && !may_run_unwatched(kind) {
            self.idle("donotwait", "a file is placed at once");
        }
        if self.id.phase == Phase::Preflight && self.has("parallel_group") {
            self.idle("parallel_group", "preflight scripts always run together");
        }
        if timeout && !may_run_unwatched(kind) {
            self.idle("timeout", "a file is placed, not run");
        }
    }

    /// Warns that a key has no effect here.
    pub(super) fn idle(&mut self, key: &str, why: &str) {
        self.tell(key, Problem::warning(format!("has no effect: {why}")));
    }
}

/// An item that is skipped because of its type (R12).
struct Ignored {
    kind: Option<ItemKind>,
    reason: String,
}

/// Whether `team_ids` can say who must have signed it.
fn can_be_signed(kind: ItemKind) -> bool {
    matches!(kind, ItemKind::Package | ItemKind::App)
}

/// Whether there is a process to wait for, or not (R65).
fn may_run_unwatched(kind: ItemKind) -> bool {
    matches!(kind, ItemKind::Package | ItemKind::RootScript | ItemKind::UserScript)
}
