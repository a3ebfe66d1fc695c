//! A record that grows: its facts as they come, whole lines only.

use shared::event::Event;
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Reads on where it stopped.
pub(super) struct Tail {
    path: PathBuf,
    /// The file that is read, and how far.
    read: Option<(u64, u64)>,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
}

impl Tail {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: None, rest: Vec::new() }
    }

    /// Whether another file stands there now, or less than was read; then everything is read anew.
    pub(super) fn is_replaced(&mut self) -> bool {
        let Some((inode, length)) = self.read else { return false };
        let same = fs::metadata(&self.path).is_ok_and(|found| found.ino() == inode && found.len() >= length);
        if !same {
            (self.read, self.rest) = (None, Vec::new());
        }
        !same
    }

    /// Gives each new fact, and the line it came as, to `take`; what is no fact is passed over.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn read(&mut self, take: &mut dyn FnMut(&Event, &str)) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let inode = file.metadata()?.ino();
        let begin = self.read.filter(|(known, _)| *known == inode).map_or(0, |(_, length)| length);
        file.seek(SeekFrom::Start(begin))?;
        let count = file.read_to_end(&mut self.rest)?;
        self.read = Some((inode, begin + count as u64));
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        for line in lines.split(|byte| *byte == b'\n') {
            let Ok(text) = std::str::from_utf8(line) else { continue };
            if let Ok(event) = serde_json::from_str::<Event>(text) {
                take(&event, text);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn seqs(tail: &mut Tail) -> Vec<u64> {
        let mut seqs = Vec::new();
        tail.read(&mut |event, _| seqs.push(event.seq)).unwrap();
        seqs
    }

    #[test]
    fn facts_come_once_each_whole_and_all_again_when_the_record_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        let mut tail = Tail::new(&path);
        assert_eq!(tail.read(&mut |_, _| ()).unwrap_err().kind(), io::ErrorKind::NotFound);
        let line = |seq: u64| format!("{{\"seq\":{seq},\"at_ms\":5,\"event\":\"waiting_for_user\"}}\n");
        let mut file = File::create(&path).unwrap();
        file.write_all(format!("{{\"journal\":1}}\n{}{}", line(1), &line(2)[..9]).as_bytes()).unwrap();
        assert_eq!(seqs(&mut tail), [1]);
        file.write_all(&line(2).as_bytes()[9..]).unwrap();
        assert!(!tail.is_replaced());
        assert_eq!(seqs(&mut tail), [2]);
        assert_eq!(seqs(&mut tail), [0; 0]);
        fs::write(folder.path().join("new"), line(1)).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(tail.is_replaced());
        assert_eq!(seqs(&mut tail), [1]);
    }
}
