//! What a file that should have been a package really is, told from its first bytes.

/// As many bytes as a verdict needs.
pub const BYTES_NEEDED: usize = 512;

/// What a file is instead of a flat package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impostor {
    /// No bytes at all.
    Empty,
    /// A web page, so an error page or a login page of the server.
    WebPage,
    /// The XML or JSON in which storage services report errors.
    ServerError,
    /// The text that stands for a file in a Git repository with large file storage.
    GitLfsPointer,
    /// A disk image.
    DiskImage,
    /// A zip archive.
    Zip,
    /// A gzip, bzip2 or xz stream.
    Compressed,
    /// A program.
    Program,
    /// A script.
    Script,
    /// Some text.
    Text,
    /// None of these.
    Unknown,
}

impl Impostor {
    /// Judges a file by its first bytes and its last 512.
    #[must_use]
    pub fn judge(first: &[u8], last: &[u8]) -> Self {
        let lower = first.iter().skip_while(|b| b.is_ascii_whitespace()).map(u8::to_ascii_lowercase);
        let text: Vec<u8> = lower.take(64).collect();
        let begins = |prefix: &[u8]| text.starts_with(prefix);
        match first {
            [] => Self::Empty,
            _ if begins(b"version https://git-lfs") => Self::GitLfsPointer,
            _ if begins(b"<!doctype html") || begins(b"<html") => Self::WebPage,
            _ if begins(b"<?xml") || begins(b"<error") || begins(b"{\"") => Self::ServerError,
            _ if last.starts_with(b"koly") || first.starts_with(b"encrcdsa") => Self::DiskImage,
            [b'P', b'K', 3 | 5, ..] => Self::Zip,
            [0x1f, 0x8b, ..] | [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] => {
                Self::Compressed
            }
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Self::Program,
            [b'#', b'!', ..] => Self::Script,
            _ if first.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)) => Self::Text,
            _ => Self::Unknown,
        }
    }

    /// What it looks like, with article: the end of "it looks like …".
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::WebPage => "a web page",
            Self::ServerError => "a server's XML or JSON answer",
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::DiskImage => "a disk image",
            Self::Zip => "a zip archive",
            Self::Compressed => "a compressed file",
            Self::Program => "a program",
            Self::Script => "a script",
            Self::Text => "plain text",
            Self::Unknown => "nothing we know",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Empty => "download or build it again",
            Self::WebPage => {
                "open its URL in a private browser window: the server probably answered with a login or error page"
            }
            Self::ServerError => "read it as text: the server's message says why the package was not sent",
            Self::GitLfsPointer => "run `git lfs pull` in the repository, or host the real file",
            Self::DiskImage => "attach it and use the package inside",
            Self::Zip => {
                "unzip it and use the package inside; an old bundle-style package must be rebuilt as a flat one"
            }
            Self::Compressed => "decompress it and use the package inside",
            Self::Program | Self::Script | Self::Text | Self::Unknown => "check that this is the right file",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_usual_mistake_is_recognised() {
        let cases: [(&[u8], Impostor); 13] = [
            (b"", Impostor::Empty),
            (b"\n <!DOCTYPE HTML><title>Sign in", Impostor::WebPage),
            (b"<html>", Impostor::WebPage),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", Impostor::ServerError),
            (b"{\"message\":\"Not Found\"}", Impostor::ServerError),
            (b"version https://git-lfs.github.com/spec/v1\noid", Impostor::GitLfsPointer),
            (b"PK\x03\x04", Impostor::Zip),
            (b"\x1f\x8b\x08", Impostor::Compressed),
            (b"\xcf\xfa\xed\xfe", Impostor::Program),
            (b"#!/bin/sh", Impostor::Script),
            (b"blank\n", Impostor::Text),
            (b"\x00\x01", Impostor::Unknown),
            (b"encrcdsa", Impostor::DiskImage),
        ];
        for (first, verdict) in cases {
            assert_eq!(Impostor::judge(first, b""), verdict, "{}", String::from_utf8_lossy(first));
        }
        assert_eq!(Impostor::judge(b"\x78\xda\x63", b"koly\0\0"), Impostor::DiskImage);
    }
}
