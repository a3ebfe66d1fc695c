//! Many files put in place together: the disk is waited for twice, not twice for each (R113, R114).

use super::{
    Downloader,
    folder::{Folder, StoreError},
    place::Place,
    store::Store,
    verify::VerifiedArtifact,
};
use rustix::fs::AtFlags;
use shared::item::Item;
use std::{fs::File, io, sync::Arc};

impl Downloader {
    /// Puts root files under their final names, in this order and up to the first one that cannot be; gives how many are
    /// there, and on the disk. What is left over has to be placed one by one, which says what is wrong with it.
    pub(super) async fn place_together(&self, files: &[(&Item, VerifiedArtifact)]) -> usize {
        let placings = files
            .iter()
            .map(|(item, artifact)| (artifact.clone(), Place::of(item.kind, item.file.clone())))
            .collect::<Vec<_>>();
        self.on_disk(move |store| Ok(put_together(store, &placings))).await.unwrap_or_default()
    }
}

fn put_together(store: &Store, placings: &[(VerifiedArtifact, Place)]) -> usize {
    let prepared = placings.iter().map_while(|(artifact, place)| {
        let ready = artifact.is_in_work(store) && artifact.confirm().is_ok();
        let owned = ready.then(|| store.own(artifact.file(), place.mode, &place.path));
        owned?.ok().map(|()| (artifact, place))
    });
    let prepared: Vec<_> = prepared.collect();
    // Before they have their names: after a power cut none may name what is not there (R114).
    if flush(&prepared.iter().map(|(artifact, _)| artifact.file()).collect::<Vec<_>>()).is_err() {
        return 0;
    }
    let mut folders: Vec<Arc<Folder>> = Vec::new();
    let mut placed = 0;
    for (artifact, place) in prepared {
        let Ok(folder) = artifact.rename(store, place) else { break };
        placed += 1;
        if folders.iter().all(|known| known.path() != folder.path()) {
            folders.push(folder);
        }
    }
    if folders.iter().all(|folder| folder.flush().is_ok()) { placed } else { 0 }
}

/// Waits until all `files` are on the disk.
fn flush(files: &[&File]) -> io::Result<()> {
    let Some((last, others)) = files.split_last() else { return Ok(()) };
    // On macOS this hands them to the drive, which the last one makes empty its cache; elsewhere it is all there is.
    others.iter().try_for_each(rustix::fs::fsync)?;
    last.sync_all()
}

impl VerifiedArtifact {
    /// Gives the file its final name, replacing what has it; gives the folder it is in now.
    fn rename(&self, store: &Store, place: &Place) -> Result<Arc<Folder>, StoreError> {
        let target = &place.path;
        let folder = store.folder_of(target)?;
        let failed = |errno| StoreError::io("place", target, errno);
        rustix::fs::renameat(self.folder(), self.path().file_name(), &*folder, target.file_name())
            .map_err(failed)?;
        let named = rustix::fs::statat(&*folder, target.file_name(), AtFlags::SYMLINK_NOFOLLOW);
        if self.is(&named.map_err(failed)?) {
            return Ok(folder);
        }
        Err(StoreError::Unsafe {
            path: target.clone(),
            why: "another file than the one that was checked was put in this place",
        })
    }
}
