//! Encodes the DER a CMS signature is made of.

use shared::flat_package::checksum::Style;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]` around elements.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// `NULL`, the parameters of algorithms that have none.
const NULL: [u8; 2] = [5, 0];

/// One element whose content is `parts`, one after the other.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = vec![tag];
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let digits = length.to_be_bytes();
        let digits: Vec<u8> = digits.into_iter().skip_while(|digit| *digit == 0).collect();
        bytes.push(0x80 | digits.len() as u8);
        bytes.extend(digits);
    }
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// The set of these elements, in the order DER demands.
pub(super) fn set_of(mut elements: Vec<Vec<u8>>, tag: u8) -> Vec<u8> {
    elements.sort_unstable();
    element(tag, &[&elements.concat()])
}

/// An `AlgorithmIdentifier` without parameters.
pub(super) fn algorithm(name: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[name]), &NULL])
}

/// The object identifier of a hash; MD5 has none here.
pub(super) fn hash_name(style: Style) -> Option<&'static [u8]> {
    match style {
        Style::Md5 => None,
        Style::Sha1 => Some(&[0x2b, 0x0e, 0x03, 0x02, 0x1a]),
        Style::Sha256 => Some(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]),
        Style::Sha512 => Some(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03]),
    }
}

/// What PKCS #1 v1.5 puts before a digest: a `DigestInfo` without its last bytes.
pub(super) fn digest_info_prefix(style: Style) -> Option<Vec<u8>> {
    let digest = vec![0; style.bytes()];
    let mut info = element(SEQUENCE, &[&algorithm(hash_name(style)?), &element(OCTET_STRING, &[&digest])]);
    info.truncate(info.len() - digest.len());
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        for (length, header) in
            [(0, vec![4, 0]), (127, vec![4, 127]), (128, vec![4, 0x81, 128]), (256, vec![4, 0x82, 1, 0])]
        {
            let made = element(4, &[&vec![7; length]]);
            assert_eq!(made[..header.len()], header);
            assert_eq!(made.len(), header.len() + length);
        }
    }

    #[test]
    fn digest_infos_begin_as_rfc_8017_lists_them() {
        let sha1 = [0x30, 0x21, 0x30, 0x09, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14];
        assert_eq!(digest_info_prefix(Style::Sha1).unwrap(), sha1);
        assert_eq!(digest_info_prefix(Style::Sha256).unwrap()[..2], [0x30, 0x31]);
        assert_eq!(digest_info_prefix(Style::Sha512).unwrap()[..2], [0x30, 0x51]);
        assert_eq!(digest_info_prefix(Style::Md5), None);
    }
}
