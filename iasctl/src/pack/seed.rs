//! The seed: content the package brings along, so that a Mac is set up without a network as well.
//!
//! Content is called by its SHA-256, which is the item's `hash`; only the control file and its signature keep their names.

use shared::{
    control::{self, Context, Entry, USUAL_NAME, local_name},
    digest::{Digest, Digester},
    layout::SEED_FOLDER,
    minisign::SUFFIX,
    settings::{ControlSource, Settings},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The files of a seed: their paths below `InstallPath`, where they are now, and their lengths.
#[derive(Debug, Default)]
pub(super) struct Seed {
    pub(super) files: BTreeMap<String, (PathBuf, u64)>,
    /// What the admin should know about them.
    pub(super) warnings: Vec<String>,
}

impl Seed {
    /// Everything in `folder` and below; hidden files, and links to folders, which may lead round in a circle, are left
    /// out.
    ///
    /// # Errors
    /// What cannot be read, in one line.
    pub(super) fn read(folder: &Path, settings: &Settings) -> Result<Self, String> {
        let own_names = control_names(settings);
        let (mut seed, mut control) = (Self::default(), None);
        let mut waiting = vec![folder.to_owned()];
        while let Some(at) = waiting.pop() {
            let failed = |error: io::Error| format!("--seed {}: {error}", at.display());
            for entry in fs::read_dir(&at).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                if name.starts_with('.') {
                    continue;
                }
                if path.is_dir() {
                    let is_link = path.symlink_metadata().map_err(failed)?.is_symlink();
                    if is_link {
                        let here = path.display();
                        let text =
                            format!("warning: {here} is a link to a folder: what is there is left out");
                        seed.warnings.push(text);
                    } else {
                        waiting.push(path);
                    }
                    continue;
                }
                let (digest, bytes) =
                    digest(&path).map_err(|error| format!("--seed {}: {error}", path.display()))?;
                let keeps_its_name = at == folder && own_names.contains(&name);
                if keeps_its_name && !name.ends_with(SUFFIX) {
                    control = Some(path.clone());
                }
                let name = if keeps_its_name { name } else { digest.to_string() };
                seed.files.insert(format!("{SEED_FOLDER}/{name}"), (path, bytes));
            }
        }
        seed.look_at(control.as_deref(), settings);
        Ok(seed)
    }

    /// Whether a Mac without a network could do with it.
    fn look_at(&mut self, control: Option<&Path>, settings: &Settings) {
        let text = match (control, &settings.control) {
            (Some(path), _) => fs::read(path).unwrap_or_default(),
            (None, Some(ControlSource::Embedded(text))) => text.clone().into_bytes(),
            (None, _) => {
                let text = "note: the seed has no control file: without a network nothing is done with it";
                self.warnings.push(text.to_owned());
                return;
            }
        };
        let signature = control
            .and_then(Path::file_name)
            .map(|name| format!("{SEED_FOLDER}/{}{SUFFIX}", name.to_string_lossy()));
        if signature.is_some_and(|name| !settings.control_keys.is_empty() && !self.files.contains_key(&name))
        {
            let text =
                "warning: ControlFileKeys is set, and the seed's control file has no signature beside it";
            self.warnings.push(text.to_owned());
        }
        let context =
            Context { install_path: settings.install_path.clone(), hash_check: settings.hash_check };
        let read = control::read(&text, "the seed's control file", &context).control;
        let missing: Vec<String> = read
            .iter()
            .flat_map(|control| control.entries())
            .filter_map(|entry| {
                let Entry::Item(item) = entry else { return None };
                let wanted = item.source.is_some() && item.hash.is_none_or(|hash| !self.has(hash));
                wanted.then(|| format!("\"{}\"", item.name))
            })
            .collect();
        if !missing.is_empty() {
            self.warnings.push(format!("note: the seed has no content for {}", missing.join(", ")));
        }
    }

    fn has(&self, hash: Digest) -> bool {
        self.files.contains_key(&format!("{SEED_FOLDER}/{hash}"))
    }
}

/// The names under which the daemon looks for a control file, and for its signature.
fn control_names(settings: &Settings) -> Vec<String> {
    let Some(ControlSource::Url(url)) = &settings.control else { return Vec::new() };
    [local_name(url), USUAL_NAME]
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("{name}{SUFFIX}")])
        .collect()
}

fn digest(path: &Path) -> io::Result<(Digest, u64)> {
    let (mut file, mut digester, mut bytes) = (File::open(path)?, Digester::default(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((digester.finish(), bytes));
        }
        bytes += count as u64;
        digester.update(buffer.get(..count).unwrap_or_default());
    }
}
