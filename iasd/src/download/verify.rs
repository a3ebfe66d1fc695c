//! Whether content is accepted (section 4 of the control-file rules, R84–R90), and the proof that it was.
//!
//! [`judge`] decides; what it accepts becomes a [`VerifiedArtifact`], and nothing else can.

use super::{
    file::{Existing, Opened},
    folder::{Folder, StoreError, stat},
    pieces::read_at_pieces,
    place::Place,
    store::{Content, Store},
};
use rustix::{
    fd::AsFd as _,
    fs::{AtFlags, Stat},
};
use shared::{
    digest::{Digest, Digester},
    event::AcceptedBecause,
    item::HashCheckPolicy,
    layout::MacPath,
};
use std::{fs::File, sync::Arc};

/// What to do with content that is there as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be used.
    Accepted(Accepted),
    /// It is not what `hash` says.
    Mismatch,
    /// The policy wants a `hash`, and there is none (R85).
    NoHash,
}

/// The permission to use some content. Only this module gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted(AcceptedBecause);

impl Accepted {
    /// The rule that gave it.
    pub(crate) fn because(self) -> AcceptedBecause {
        self.0
    }
}

/// Judges a complete download (the table of section 4).
///
/// `previous` is the complete download before this one, if there was one; `budget` the attempts allowed in all (R86).
pub(crate) fn judge(
    policy: HashCheckPolicy,
    hash: Option<Digest>,
    content: Content,
    previous: Option<Content>,
    budget: u32,
) -> Verdict {
    use AcceptedBecause::{FirstMismatch, HashEqual, NoHash, NotCompared, TwoDownloadsAgree};
    let accepted = |because| Verdict::Accepted(Accepted(because));
    match (policy, hash) {
        (HashCheckPolicy::Ignore, _) => accepted(NotCompared),
        (HashCheckPolicy::Strict, None) => Verdict::NoHash,
        (_, None) => accepted(NoHash),
        (_, Some(hash)) if hash == content.digest => accepted(HashEqual),
        (HashCheckPolicy::WarningAcceptFirst, _) => accepted(FirstMismatch),
        (HashCheckPolicy::Warning, _) if budget <= 1 => accepted(FirstMismatch),
        (HashCheckPolicy::Warning, _) if previous == Some(content) => accepted(TwoDownloadsAgree),
        _ => Verdict::Mismatch,
    }
}

/// Whether a file that lies there already serves (R87): its digest is the expected one.
///
/// With mode `Ignore`, or without a `hash`, the expected digest is that of what an `earlier` start of this run downloaded
/// for the same item; without that nothing proves where a file comes from, and it is downloaded again.
pub(crate) fn judge_existing(
    policy: HashCheckPolicy,
    hash: Option<Digest>,
    content: Content,
    earlier: Option<Digest>,
) -> Option<Accepted> {
    let (expected, because) = match (policy, hash) {
        (HashCheckPolicy::Ignore, _) => (earlier, AcceptedBecause::NotCompared),
        (HashCheckPolicy::Strict, None) => (None, AcceptedBecause::NoHash),
        (_, None) => (earlier, AcceptedBecause::NoHash),
        (_, hash) => (hash, AcceptedBecause::HashEqual),
    };
    (expected == Some(content.digest)).then_some(Accepted(because))
}

/// Judges a file that came with the package: it is what `hash` says, or is not used.
pub(crate) fn judge_seed(hash: Digest, content: Content) -> Option<Accepted> {
    (hash == content.digest).then_some(Accepted(AcceptedBecause::HashEqual))
}

/// Judges the file of an item without `url` (R33): as a download with one attempt, but a missing `hash` is no fault.
pub(crate) fn judge_local(policy: HashCheckPolicy, hash: Option<Digest>, content: Content) -> Verdict {
    match hash {
        None => Verdict::Accepted(Accepted(AcceptedBecause::Local)),
        Some(_) => judge(policy, hash, content, None, 1),
    }
}

/// Digests an open file from its beginning (R88).
///
/// # Errors
/// When it cannot be read.
pub(crate) fn digest(opened: &Opened) -> Result<Content, StoreError> {
    digest_file(&opened.file, &opened.path)
}

fn digest_file(file: &File, path: &MacPath) -> Result<Content, StoreError> {
    let mut digester = Digester::default();
    let read = read_at_pieces(file, |piece| {
        digester.update(piece);
        Ok(())
    });
    let bytes = read.map_err(|error| StoreError::io("read", path, error))?;
    Ok(Content { digest: digester.finish(), bytes })
}

/// Content that passed the checks of R88 and R116; only such content is executed or installed.
///
/// It has one constructor, and that wants an [`Accepted`]. The file is held open: what is executed is what was
/// digested (R89).
#[derive(Debug, Clone)]
pub(crate) struct VerifiedArtifact {
    path: MacPath,
    folder: Arc<Folder>,
    file: Arc<File>,
    content: Content,
    because: AcceptedBecause,
    reused: bool,
    stamp: Stamp,
}

/// What changes when somebody touches a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    #[expect(clippy::unnecessary_cast, reason = "the types of these fields differ by system")]
    fn of(stat: &Stat) -> Self {
        Self {
            file: (stat.st_dev as u64, stat.st_ino as u64),
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

impl VerifiedArtifact {
    /// Accepted content, in its place.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub(super) fn new(
        opened: Opened,
        content: Content,
        accepted: Accepted,
        reused: bool,
    ) -> Result<Self, StoreError> {
        let stamp = Stamp::of(&stat(opened.file.as_fd(), &opened.path)?);
        let Opened { path, folder, file } = opened;
        Ok(Self { path, folder, file, content, because: accepted.because(), reused, stamp })
    }

    /// Where it lies on the Mac. A `userfile` waits in the work folder for the agent to place it.
    pub(crate) fn path(&self) -> &MacPath {
        &self.path
    }

    /// The open file whose content was digested; its offset is at the beginning and shared by all who hold it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The folder it lies in.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether it lies in the work folder of `store` under a name of its own, and waits for its turn.
    pub(super) fn is_in_work(&self, store: &Store) -> bool {
        self.path.parent().is_some_and(|folder| folder == *store.work_path())
    }

    /// Whether this is what the system says of the same file.
    pub(super) fn is(&self, found: &Stat) -> bool {
        Stamp::of(found).file == self.stamp.file
    }

    /// Its SHA-256.
    pub(crate) fn digest(&self) -> Digest {
        self.content.digest
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> u64 {
        self.content.bytes
    }

    /// The rule that accepted it.
    pub(crate) fn because(&self) -> AcceptedBecause {
        self.because
    }

    /// Whether it was there already.
    pub(crate) fn reused(&self) -> bool {
        self.reused
    }

    /// Confirms, right before use, that its path still names this file and that its content is still the same (R89).
    ///
    /// Digests it again only when inode, size or times changed since it was verified.
    ///
    /// # Errors
    /// When the path names another file, or the content changed.
    pub(crate) fn confirm(&self) -> Result<(), StoreError> {
        let changed = |why| StoreError::Unsafe { path: self.path.clone(), why };
        let named = rustix::fs::statat(&*self.folder, self.path.file_name(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| StoreError::io("look at", &self.path, errno))?;
        if Stamp::of(&named).file != self.stamp.file {
            return Err(changed("another file was put in its place after it was verified"));
        }
        if Stamp::of(&named) == self.stamp || digest_file(&self.file, &self.path)? == self.content {
            return Ok(());
        }
        Err(changed("its content changed after it was verified"))
    }

    /// Puts it at `place`, whole and flushed (R114); nothing is written when it is there already.
    ///
    /// What is verified is the open file. Where its name in the work folder is gone, because another item wanted the
    /// same content, or somebody replaced what was found, it is copied from there; `name` is what the copy is called
    /// meanwhile.
    ///
    /// # Errors
    /// When the content changed, the place is unsafe, or the system refuses.
    pub(super) fn put(&self, store: &Store, name: &str, place: &Place) -> Result<(), StoreError> {
        if let Existing::Usable(there) = store.existing(&place.path)?
            && Stamp::of(&stat(there.file.as_fd(), &there.path)?).file == self.stamp.file
            && digest(&there)? == self.content
        {
            return store.own(&there.file, place.mode, &place.path);
        }
        if self.path == place.path || self.confirm().is_err() {
            return store.copy_in((&self.file, self.content), name, place).map(drop);
        }
        let file = self.file.try_clone().map_err(|error| StoreError::io("place", &place.path, error))?;
        store.place((&self.folder, self.path.file_name(), file), self.content, place).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HashCheckPolicy::{Ignore, Strict, Warning, WarningAcceptFirst, WarningRequireMatch};
    use proptest::prelude::*;

    fn content(text: &str) -> Content {
        Content { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 }
    }

    fn because(verdict: Verdict) -> Result<AcceptedBecause, Verdict> {
        match verdict {
            Verdict::Accepted(accepted) => Ok(accepted.because()),
            refused => Err(refused),
        }
    }

    #[test]
    fn section_4_is_followed_cell_by_cell() {
        use AcceptedBecause::{FirstMismatch, HashEqual, NoHash, NotCompared};
        let (mismatch, no_hash) = (Err(Verdict::Mismatch), Err(Verdict::NoHash));
        // policy, without hash, equal, different
        let table = [
            (Strict, no_hash, Ok(HashEqual), mismatch),
            (Warning, Ok(NoHash), Ok(HashEqual), mismatch),
            (WarningRequireMatch, Ok(NoHash), Ok(HashEqual), mismatch),
            (WarningAcceptFirst, Ok(NoHash), Ok(HashEqual), Ok(FirstMismatch)),
            (Ignore, Ok(NotCompared), Ok(NotCompared), Ok(NotCompared)),
        ];
        for (policy, absent, equal, different) in table {
            let judged = |hash: Option<&str>| {
                because(judge(policy, hash.map(|text| content(text).digest), content("x"), None, 4))
            };
            assert_eq!(judged(None), absent, "{policy:?} without hash");
            assert_eq!(judged(Some("x")), equal, "{policy:?} equal");
            assert_eq!(judged(Some("z")), different, "{policy:?} different");
        }
    }

    #[test]
    fn v6_policy_warning_accepts_the_third_of_x_y_y() {
        let mut previous = None;
        let verdicts: Vec<_> = ["x", "y", "y"]
            .map(|body| {
                let hash = Some(content("z").digest);
                let verdict = judge(Warning, hash, content(body), previous, 4);
                previous = Some(content(body));
                because(verdict)
            })
            .into();
        let mismatch = Err(Verdict::Mismatch);
        assert_eq!(verdicts, [mismatch, mismatch, Ok(AcceptedBecause::TwoDownloadsAgree)]);
    }

    #[test]
    fn r86_warning_with_one_attempt_accepts_the_first_mismatch() {
        let verdict = judge(Warning, Some(content("z").digest), content("x"), None, 1);
        assert_eq!(because(verdict), Ok(AcceptedBecause::FirstMismatch));
    }

    #[test]
    fn r87_an_existing_file_serves_only_if_something_proves_where_it_comes_from() {
        let serves = |policy, hash, text: &str, earlier: Option<&str>| {
            let earlier = earlier.map(|text| content(text).digest);
            judge_existing(policy, hash, content(text), earlier).map(Accepted::because)
        };
        let hash = Some(content("x").digest);
        for policy in [Strict, Warning, WarningRequireMatch, WarningAcceptFirst] {
            assert_eq!(serves(policy, hash, "x", None), Some(AcceptedBecause::HashEqual), "{policy:?}");
            assert_eq!(serves(policy, hash, "y", Some("y")), None, "{policy:?}: the hash decides");
            assert_eq!(serves(policy, None, "x", None), None, "{policy:?}");
            assert_eq!(serves(policy, None, "x", Some("y")), None, "{policy:?}");
        }
        assert_eq!(serves(Ignore, hash, "x", None), None);
        assert_eq!(serves(Ignore, hash, "y", Some("y")), Some(AcceptedBecause::NotCompared));
        assert_eq!(serves(Warning, None, "y", Some("y")), Some(AcceptedBecause::NoHash));
        assert_eq!(serves(Strict, None, "y", Some("y")), None);
    }

    #[test]
    fn r33_a_local_file_needs_no_hash_but_must_match_one() {
        assert_eq!(because(judge_local(Strict, None, content("x"))), Ok(AcceptedBecause::Local));
        let other = Some(content("z").digest);
        assert_eq!(judge_local(Strict, other, content("x")), Verdict::Mismatch);
        assert_eq!(because(judge_local(Warning, other, content("x"))), Ok(AcceptedBecause::FirstMismatch));
    }

    proptest! {
        #[test]
        fn strict_policies_never_accept_a_different_digest(
            bytes in any::<[u8; 32]>(), hash in any::<[u8; 32]>(), length in any::<u64>(), again: bool, budget: u32,
        ) {
            prop_assume!(bytes != hash);
            let content = Content { digest: Digest(bytes), bytes: length };
            for policy in [Strict, WarningRequireMatch] {
                let verdict = judge(policy, Some(Digest(hash)), content, again.then_some(content), budget);
                prop_assert_eq!(verdict, Verdict::Mismatch);
            }
        }
    }
}
