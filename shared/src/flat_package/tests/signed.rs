//! Where a signature lies in a package that was written here, and what a signer may not do.

use crate::flat_package::checksum::Style;
use crate::flat_package::write::{
    Component, ComponentSpec, Compression, PackageSigner, Signatures, SignedContents, WriteError,
    write_component,
};
use crate::flat_package::xar::EntryId;
use crate::{base64, flat_package::FlatPackage};
use std::cell::RefCell;
use std::error::Error;
use std::io::Cursor;

/// Signs nothing, but keeps the table it was given.
struct Fake {
    certificates: Vec<Vec<u8>>,
    outcome: Result<(usize, usize), &'static str>,
    seen: RefCell<(Vec<u8>, Vec<u8>)>,
}

impl Fake {
    fn new(outcome: Result<(usize, usize), &'static str>) -> Self {
        Self { certificates: vec![vec![1; 300], vec![2; 10]], outcome, seen: RefCell::default() }
    }
}

impl PackageSigner for Fake {
    fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    fn rsa_bytes(&self) -> usize {
        256
    }

    fn cms_bytes(&self) -> usize {
        1000
    }

    fn sign(&self, contents: &SignedContents<'_>) -> Result<Signatures, Box<dyn Error + Send + Sync>> {
        assert_eq!(contents.style, Style::Sha1);
        *self.seen.borrow_mut() = (contents.compressed.to_vec(), contents.digest.to_vec());
        let (rsa, cms) = self.outcome?;
        Ok(Signatures { rsa: vec![0xaa; rsa], cms: vec![0xbb; cms] })
    }
}

fn written(signer: &Fake) -> Result<Vec<u8>, WriteError> {
    let spec = ComponentSpec {
        identifier: "com.example.tool".into(),
        version: "1".into(),
        install_location: "/".into(),
        min_os: None,
        compression: Compression::Gzip,
        time: 0,
    };
    let component = Component { spec: &spec, payload: None, scripts: None };
    let mut package = Vec::new();
    write_component(&component, Some(signer), Cursor::new(Vec::new()), &mut package)?;
    Ok(package)
}

#[test]
fn p39_p42_signatures_lie_between_the_checksum_and_the_first_entry() {
    let signer = Fake::new(Ok((256, 700)));
    let package = written(&signer).unwrap();
    let (compressed, digest) = signer.seen.take();
    assert_eq!(package[28..28 + compressed.len()], compressed);
    let mut package = FlatPackage::open(Cursor::new(package)).unwrap();
    let places: Vec<_> = package
        .archive
        .signatures()
        .iter()
        .map(|place| (place.style.clone(), place.offset, place.size, place.certificates.len()))
        .collect();
    assert_eq!(places, [("RSA".into(), 20, 256, 2), ("CMS".into(), 276, 1000, 2)]);
    assert_eq!(package.archive.entry(EntryId(0)).unwrap().data.as_ref().unwrap().offset, 1276);
    assert_eq!(package.archive.heap_bytes(0, 20).unwrap(), digest);
    assert_eq!(package.archive.heap_bytes(20, 256).unwrap(), [0xaa; 256]);
    let padded = [vec![0xbb; 700], vec![0; 300]].concat();
    assert_eq!(package.archive.heap_bytes(276, 1000).unwrap(), padded);
    let recorded = package.archive.signatures().iter().map(|place| &place.certificates);
    let decoded = recorded.map(|texts| base64::decode(&texts[0]).unwrap());
    assert!(decoded.into_iter().all(|certificate| certificate == signer.certificates[0]));
}

#[test]
fn p42_a_signer_that_fails_or_breaks_its_word_spoils_no_package() {
    let failed = written(&Fake::new(Err("the token was pulled out"))).unwrap_err();
    assert!(matches!(&failed, WriteError::Signing(reason) if reason.to_string().contains("pulled out")));
    for lengths in [(255, 10), (257, 10), (256, 1001)] {
        let error = written(&Fake::new(Ok(lengths))).unwrap_err();
        assert!(error.to_string().contains("not what it announced"), "{lengths:?}: {error}");
    }
}
