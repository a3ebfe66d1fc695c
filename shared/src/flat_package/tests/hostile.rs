//! Packages altered by chance: refused or read, never a panic, never without end.

use super::fixture::*;
use crate::flat_package::FlatPackage;
use crate::flat_package::signature::TrustRoots;
use crate::flat_package::xar::EntryId;
use proptest::prelude::*;
use std::io::Cursor;
use time::OffsetDateTime;

/// Does everything a package can be asked for.
fn exercise(bytes: Vec<u8>) {
    let Ok(mut package) = FlatPackage::open(Cursor::new(bytes)) else { return };
    let _ = (
        package.identity(),
        package.installs().len(),
        package.verify(&TrustRoots::apple(), OffsetDateTime::UNIX_EPOCH),
    );
    for index in 0..package.archive.entries().len() {
        let id = EntryId(index);
        let _ = package.archive.read_whole(id, 1 << 20);
        let _ = package.nested(id).map(|nested| nested.components.len());
        let Ok(mut files) = package.files(id) else { continue };
        while let Ok(Some(entry)) = files.next_entry() {
            let _ = entry.relative();
        }
    }
}

fn package() -> Fixture {
    let (payload, scripts) = (small_odc(), gzip(&small_odc()));
    let certificate = "<KeyInfo><X509Data><X509Certificate>MIIB</X509Certificate></X509Data></KeyInfo>";
    Fixture::new()
        .xml(&format!("<signature style='RSA'><offset>0</offset><size>0</size>{certificate}</signature>"))
        .plain(
            "Distribution",
            b"<a><choice id='c'><pkg-ref id='p'/></choice><pkg-ref id='p'>#A.pkg</pkg-ref></a>",
        )
        .folder("A.pkg", |folder| {
            folder
                .plain("PackageInfo", b"<pkg-info identifier='a' version='1'/>")
                .plain("Payload", &pbzx(&[(&payload[..100], false), (&payload[100..], false)]))
                .file("Scripts", &bzip2(&scripts), &scripts, "x-bzip2")
        })
        .plain("Inner.pkg", &Fixture::new().plain("PackageInfo", b"<a/>").finish())
}

proptest! {
    #[test]
    fn altered_bytes_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = package().finish();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        exercise(bytes);
    }

    /// The digest of the table of contents is made right again, so that what it protects is reached.
    #[test]
    fn an_altered_table_of_contents_with_a_right_digest_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut fixture = package();
        let mut toc = fixture.toc.into_bytes();
        for (from, to, value) in changes {
            let (from, to) = (from.index(toc.len()), to.index(toc.len()));
            if value < 64 {
                toc[to] = b"0123456789<>/' \"&;-=.x"[usize::from(value) % 22];
            } else if from < to && to - from < 60 {
                toc.drain(from..to);
            } else {
                let copied = toc[from..(from + 30).min(toc.len())].to_vec();
                toc.splice(to..to, copied);
            }
        }
        fixture.toc = String::from_utf8_lossy(&toc).into_owned();
        exercise(fixture.finish());
    }

    #[test]
    fn an_altered_payload_with_right_checksums_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        kind in 0..5,
    ) {
        let plain = small_odc();
        let mut payload = match kind {
            0 => plain,
            1 => gzip(&plain),
            2 => bzip2(&plain),
            3 => xz(&plain),
            _ => pbzx(&[(&plain[..90], true), (&plain[90..], false)]),
        };
        for (index, value) in changes {
            let at = index.index(payload.len());
            payload[at] = value;
        }
        exercise(Fixture::new().plain("PackageInfo", b"<a/>").plain("Payload", &payload).finish());
    }
}
