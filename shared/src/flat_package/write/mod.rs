//! Makes flat packages: the same input gives the same bytes (P42).
//!
//! A [`Tree`] says what is packed, a [`Contents`] gives the bytes of its files; [`write_component`] makes what
//! `pkgbuild` makes, [`write_product`] what `productbuild` makes; a [`PackageSigner`] signs either. Nothing here opens a file: the caller brings the
//! output, and a scratch stream for the archive's heap, which must be written before the table in front of it.

mod component;
mod compress;
mod cpio;
mod product;
mod signer;
mod tree;
mod xar;

pub use component::{Component, ComponentSpec, Source, write_component};
pub use compress::Compression;
pub use product::{Choice, ProductSpec, write_product};
pub use signer::{PackageSigner, Signatures, SignedContents};
pub use tree::{BadTree, Contents, Node, NodeKind, Tree};

use super::bom::BomTooLarge;
use std::{error::Error, io};

/// Why a package could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The content of a file in the tree cannot be read.
    #[error("cannot read {path}")]
    Content {
        /// The file, as the tree names it.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file has become longer or shorter since the tree was listed.
    #[error("{path} changed while it was packed: expected {expected} bytes; pack it again")]
    Changed {
        /// The file, as the tree names it.
        path: String,
        /// Its length when the tree was listed.
        expected: u64,
    },
    /// A value does not fit its field in the archive.
    #[error("{path}: {what} {value} is larger than the package format allows")]
    TooLarge {
        /// The file or folder.
        path: String,
        /// Which of its properties.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// The bill of materials is larger than its format allows.
    #[error(transparent)]
    Bom(#[from] BomTooLarge),
    /// The signer could not sign.
    #[error("cannot sign the package")]
    Signing(#[source] Box<dyn Error + Send + Sync>),
    /// The signer gave other lengths than it announced.
    #[error("the signer gave values of {rsa} and {cms} bytes, which is not what it announced")]
    SignatureLength {
        /// Bytes of the RSA signature.
        rsa: usize,
        /// Bytes of the CMS signature.
        cms: usize,
    },
    /// The output or the scratch file cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}
