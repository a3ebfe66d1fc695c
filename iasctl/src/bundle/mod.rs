//! `iasctl bundle`: what a help desk needs of a run, in one file without secrets.

mod gather;
mod scrub;

use crate::{stdout, view::now_ms};
use gather::{Gathered, gather};
use scrub::Scrub;
use shared::{
    flat_package::{
        payload::Compression,
        write::{Node, NodeKind, Source, Tree},
    },
    sys::atomic,
    wording::{bytes, moment},
};
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, process::ExitCode};

/// What `bundle` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a rehearsal, instead of this Mac
    #[arg(value_name = "DIR", default_value = "/", hide_default_value = true)]
    root: PathBuf,
    /// The file to write: a .tar.gz
    #[arg(long, value_name = "FILE", default_value = "ias-bundle.tar.gz")]
    output: PathBuf,
    /// More settings whose secrets are to be removed, beside those found: what a job or command line named
    #[arg(long, value_name = "FILE")]
    settings: Vec<PathBuf>,
}

/// Gathers; exit 1 when there is nothing, or it cannot be written.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match bundle(arguments) {
        Ok(told) => stdout::print(&told).err().unwrap_or(ExitCode::SUCCESS),
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn bundle(arguments: &Arguments) -> Result<String, String> {
    let Gathered { files, secrets, mut remarks } = gather(&arguments.root, &arguments.settings)?;
    let scrub = Scrub::new(secrets);
    remarks.extend(scrub.remark());
    let mut clean: BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(name, text)| (name, scrub.apply(&text).into_bytes())).collect();
    let listing = listing(&clean, &remarks);
    clean.insert("contents.txt".to_owned(), scrub.apply(&listing).into_bytes());
    let archive = archive(clean)?;
    let place = arguments.output.display();
    // The owner's only: the logs of others are nobody's business.
    atomic::replace(&arguments.output, &archive, 0o600).map_err(|error| format!("{place}: {error}"))?;
    Ok(format!("{listing}{place}: {}\n", bytes(archive.len() as u64)))
}

fn listing(files: &BTreeMap<String, Vec<u8>>, remarks: &[String]) -> String {
    let mut text = format!("gathered {} by iasctl {}\n", moment(now_ms()), env!("CARGO_PKG_VERSION"));
    for (name, content) in files {
        let _ = writeln!(text, "  {:>9}  {name}", bytes(content.len() as u64));
    }
    for remark in remarks {
        let _ = writeln!(text, "note: {remark}");
    }
    text
}

fn archive(files: BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, String> {
    let mtime = u32::try_from(now_ms() / 1000).unwrap_or(u32::MAX);
    let node = |path: &str, kind: NodeKind, mode: u16| Node {
        path: path.to_owned(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime,
    };
    let mut nodes: Vec<Node> = files
        .iter()
        .map(|(path, text)| node(path, NodeKind::File { size: text.len() as u64, identity: None }, 0o600))
        .collect();
    let mut folders: Vec<&str> =
        files.keys().filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder)).collect();
    folders.dedup();
    nodes.extend(std::iter::once(".").chain(folders).map(|folder| node(folder, NodeKind::Folder, 0o700)));
    let tree = Tree::new(nodes).map_err(|error| error.to_string())?;
    let mut archive = Vec::new();
    let source = Source { tree: &tree, contents: &files };
    shared::archive::write::write_tar(source, Compression::Gzip, &mut archive)
        .map_err(|error| error.to_string())?;
    Ok(archive)
}
