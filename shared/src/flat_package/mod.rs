//! Apple flat packages, read and written over `Read + Seek` (P38–P42).
//!
//! A package is a xar archive ([`xar`]) whose `Payload` and `Scripts` entries are compressed ([`payload`])
//! cpio archives ([`cpio`]). Nothing here trusts a name, a length or an offset found in the file.

mod base64;
pub mod checksum;
pub mod cpio;
mod entry_reader;
pub mod impostor;
pub mod package_info;
pub mod payload;
mod pbzx;
mod toc;
pub mod xar;
mod xml;

#[cfg(test)]
mod corpus_tests;
