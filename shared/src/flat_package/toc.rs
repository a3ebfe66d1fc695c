//! The table of contents of a xar archive: from XML to entries, tolerant of what does not matter (P38).

use super::checksum::Checksum;
use super::xml::{Node, Nodes, Tag, XmlError};
use std::io::BufRead;

/// More entries than this are no package's.
const MOST_ENTRIES: usize = 200_000;

/// The paths of all entries together take no more bytes than this.
const MOST_PATH_BYTES: usize = 64 << 20;

/// The longest path of one entry, in bytes.
const LONGEST_PATH: usize = 4096;

/// More certificates than this are no chain's.
const MOST_CERTIFICATES: usize = 16;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A file; without data it is empty.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
    /// Another name of the entry with this `id`; `original` on the one that holds the data.
    HardLink {
        /// The `link` attribute as written.
        to: String,
    },
    /// Anything else, as written.
    Other(String),
}

/// How an entry's bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// `application/x-gzip`, which is a zlib stream.
    Zlib,
    /// `application/x-bzip2`.
    Bzip2,
    /// `application/x-lzma`: an LZMA or an xz stream.
    Lzma,
    /// Something we cannot decode, as written.
    Unknown(String),
}

/// Where and how an entry's bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// From the beginning of the heap.
    pub offset: u64,
    /// Bytes in the archive.
    pub length: u64,
    /// Bytes once decoded.
    pub size: u64,
    /// How they are encoded.
    pub encoding: Encoding,
    /// Of the bytes in the archive.
    pub archived: Option<Checksum>,
    /// Of the decoded bytes.
    pub extracted: Option<Checksum>,
}

/// One entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the archive: plain names joined by `/`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its bytes, if it has any.
    pub data: Option<Stored>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// A signature the table of contents announces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawSignature {
    /// `RSA` or `CMS`, as written.
    pub style: String,
    /// From the beginning of the heap.
    pub offset: u64,
    /// Bytes reserved for it.
    pub size: u64,
    /// Certificates in base64, leaf first.
    pub certificates: Vec<String>,
}

/// Where the digest of the (compressed) table of contents lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DigestPlace {
    pub(super) style: String,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// Everything the table of contents says that matters to us.
#[derive(Debug, Default)]
pub(super) struct Toc {
    pub(super) digest: Option<DigestPlace>,
    pub(super) signatures: Vec<RawSignature>,
    pub(super) entries: Vec<Entry>,
}

impl Toc {
    /// Reads the decompressed table of contents.
    pub(super) fn parse(document: impl BufRead) -> Result<Self, XmlError> {
        let mut nodes = Nodes::new(document);
        let mut builder = Builder::default();
        while let Some(node) = nodes.next()? {
            let outcome = match node {
                Node::Open(tag) => builder.open(tag),
                Node::Text(text) => {
                    builder.text.push_str(&text);
                    Ok(())
                }
                Node::Close => builder.close(),
            };
            outcome.map_err(|reason| nodes.refuse(reason))?;
        }
        Ok(builder.toc)
    }
}

/// A `<file>` element not closed yet.
#[derive(Default)]
struct Draft {
    index: usize,
    name: Option<String>,
    kind: Option<EntryKind>,
    link: Option<String>,
    data: Option<DraftData>,
}

/// A `<data>` element as written.
#[derive(Default)]
struct DraftData {
    offset: Option<u64>,
    length: Option<u64>,
    size: Option<u64>,
    encoding: Option<Encoding>,
    archived: Option<Checksum>,
    extracted: Option<Checksum>,
}

/// Builds the table of contents while its XML goes by.
#[derive(Default)]
struct Builder {
    toc: Toc,
    tags: Vec<Tag>,
    files: Vec<Draft>,
    text: String,
    path_bytes: usize,
}

impl Builder {
    fn open(&mut self, tag: Tag) -> Result<(), String> {
        self.text.clear();
        let parent = self.tags.last().map_or("", |parent| parent.name.as_str());
        match (parent, tag.name.as_str()) {
            ("toc" | "file", "file") => self.begin_file()?,
            ("toc", "checksum") => {
                let style = tag.attribute("style").unwrap_or("sha1").to_owned();
                self.toc.digest = Some(DigestPlace { style, ..DigestPlace::default() });
            }
            ("toc", "signature" | "x-signature") => {
                let style = tag.attribute("style").unwrap_or("unknown").to_owned();
                self.toc.signatures.push(RawSignature { style, ..RawSignature::default() });
            }
            ("file", "data") => {
                if let Some(file) = self.files.last_mut() {
                    file.data.get_or_insert_default();
                }
            }
            _ => {}
        }
        self.tags.push(tag);
        Ok(())
    }

    fn begin_file(&mut self) -> Result<(), String> {
        if self.toc.entries.len() >= MOST_ENTRIES {
            return Err(format!("more than {MOST_ENTRIES} entries"));
        }
        // A folder's name may stand after its children, so it is named where the first of them begins or it ends.
        self.files.push(Draft { index: self.toc.entries.len(), ..Draft::default() });
        self.toc.entries.push(Entry {
            path: String::new(),
            kind: EntryKind::File,
            data: None,
            mode: None,
            uid: None,
            gid: None,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(tag) = self.tags.pop() else { return Ok(()) };
        let text = std::mem::take(&mut self.text);
        let parent = self.tags.last().map_or("", |parent| parent.name.as_str());
        match parent {
            "toc" | "file" if tag.name == "file" => self.end_file(),
            "file" => self.file_property(&tag, text.trim()),
            "data" => self.data_property(&tag, text.trim()),
            "checksum" | "signature" | "x-signature" => self.place_property(&tag, text.trim()),
            "X509Data" if tag.name == "X509Certificate" => self.certificate(&text),
            _ => Ok(()),
        }
    }

    fn file_property(&mut self, tag: &Tag, text: &str) -> Result<(), String> {
        let Some(file) = self.files.last_mut() else { return Ok(()) };
        let entry = self.toc.entries.get_mut(file.index).ok_or("lost an entry")?;
        match tag.name.as_str() {
            // Apple's own signer repeats the name; the first is the one every reader uses.
            "name" if file.name.is_none() => file.name = Some(plain_name(tag, text)?),
            "type" if file.kind.is_none() => file.kind = Some(kind(tag, text)),
            "link" => file.link = Some(text.to_owned()),
            "mode" => entry.mode = u32::from_str_radix(text, 8).ok(),
            "uid" => entry.uid = text.parse().ok(),
            "gid" => entry.gid = text.parse().ok(),
            _ => {}
        }
        Ok(())
    }

    fn data_property(&mut self, tag: &Tag, text: &str) -> Result<(), String> {
        let Some(data) = self.files.last_mut().and_then(|file| file.data.as_mut()) else { return Ok(()) };
        let style = tag.attribute("style").unwrap_or_default();
        match tag.name.as_str() {
            "offset" => data.offset = Some(number("offset", text)?),
            "length" => data.length = Some(number("length", text)?),
            "size" => data.size = Some(number("size", text)?),
            "encoding" => data.encoding = Some(encoding(style)),
            "archived-checksum" => data.archived = checksum(style, text)?,
            "extracted-checksum" | "unarchived-checksum" => data.extracted = checksum(style, text)?,
            _ => {}
        }
        Ok(())
    }

    /// `offset` and `size` of the digest or of the signature being read.
    fn place_property(&mut self, tag: &Tag, text: &str) -> Result<(), String> {
        let of_digest = self.tags.last().is_some_and(|parent| parent.name == "checksum");
        let place = if of_digest {
            self.toc.digest.as_mut().map(|digest| (&mut digest.offset, &mut digest.size))
        } else {
            self.toc.signatures.last_mut().map(|signature| (&mut signature.offset, &mut signature.size))
        };
        let Some((offset, size)) = place else { return Ok(()) };
        match tag.name.as_str() {
            "offset" => *offset = number("offset", text)?,
            "size" => *size = number("size", text)?,
            _ => {}
        }
        Ok(())
    }

    fn certificate(&mut self, text: &str) -> Result<(), String> {
        let Some(signature) = self.toc.signatures.last_mut() else { return Ok(()) };
        if signature.certificates.len() >= MOST_CERTIFICATES {
            return Err(format!("more than {MOST_CERTIFICATES} certificates"));
        }
        signature.certificates.push(text.split_whitespace().collect());
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), String> {
        let Some(file) = self.files.pop() else { return Ok(()) };
        let name = file.name.ok_or("an entry without a name")?;
        let entry = self.toc.entries.get_mut(file.index).ok_or("lost an entry")?;
        entry.path = name;
        entry.kind = match file.kind.unwrap_or(EntryKind::File) {
            EntryKind::Symlink { .. } => EntryKind::Symlink { target: file.link.unwrap_or_default() },
            kind => kind,
        };
        entry.data = file.data.map(|data| data.finish(&entry.path)).transpose()?.flatten();
        let prefix = entry.path.clone();
        self.prefix_children(file.index, &prefix)
    }

    /// Puts the folder's name before the paths of everything inside it.
    fn prefix_children(&mut self, folder: usize, prefix: &str) -> Result<(), String> {
        for child in self.toc.entries.iter_mut().skip(folder + 1) {
            self.path_bytes += prefix.len() + 1;
            if child.path.len() + prefix.len() >= LONGEST_PATH {
                return Err(format!("the path of `{}` is longer than {LONGEST_PATH} bytes", child.path));
            }
            child.path = format!("{prefix}/{}", child.path);
        }
        if self.path_bytes > MOST_PATH_BYTES {
            return Err(format!("paths of more than {MOST_PATH_BYTES} bytes altogether"));
        }
        Ok(())
    }
}

impl DraftData {
    fn finish(self, path: &str) -> Result<Option<Stored>, String> {
        let encoding = self.encoding.unwrap_or(Encoding::Plain);
        let (length, size) = match (self.length, self.size) {
            (Some(length), Some(size)) => (length, size),
            (None, None) => return Ok(None),
            (Some(same), None) | (None, Some(same)) if encoding == Encoding::Plain => (same, same),
            _ => return Err(format!("entry `{path}` is encoded but says only one of length and size")),
        };
        let offset = match self.offset {
            Some(offset) => offset,
            None if length == 0 => 0,
            None => return Err(format!("entry `{path}` has data but no offset")),
        };
        let (archived, extracted) = (self.archived, self.extracted);
        Ok(Some(Stored { offset, length, size, encoding, archived, extracted }))
    }
}

fn kind(tag: &Tag, text: &str) -> EntryKind {
    match text {
        "file" | "" => EntryKind::File,
        "directory" => EntryKind::Directory,
        "symlink" => EntryKind::Symlink { target: String::new() },
        "hardlink" => EntryKind::HardLink { to: tag.attribute("link").unwrap_or_default().to_owned() },
        other => EntryKind::Other(other.to_owned()),
    }
}

fn encoding(style: &str) -> Encoding {
    match style {
        "application/octet-stream" | "" => Encoding::Plain,
        "application/x-gzip" | "application/zlib" => Encoding::Zlib,
        "application/x-bzip2" => Encoding::Bzip2,
        "application/x-lzma" | "application/x-xz" => Encoding::Lzma,
        other => Encoding::Unknown(other.to_owned()),
    }
}

fn checksum(style: &str, text: &str) -> Result<Option<Checksum>, String> {
    if style.eq_ignore_ascii_case("none") || text.is_empty() {
        return Ok(None);
    }
    Checksum::parse(style, text).map(Some)
}

fn number(what: &str, text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{what} `{}` is not a number", text.chars().take(40).collect::<String>()))
}

/// The name of an entry, refused when it could lead anywhere but into its folder.
fn plain_name(tag: &Tag, text: &str) -> Result<String, String> {
    let name = match tag.attribute("enctype") {
        Some("base64") => {
            let bytes = crate::base64::decode(text).ok_or("a name that is not base64 although it says so")?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => text.to_owned(),
    };
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) || name.len() > 1024 {
        let shown: String = name.chars().take(80).collect();
        return Err(format!("entry name {shown:?} is not a plain file name; do not unpack this archive"));
    }
    Ok(name)
}
