//! Applications signed as `codesign` signs them, for tests of whoever verifies them: with keys made on the spot.

use crate::macho::{ARM64, X86_64, program};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SigningKey as _,
};
use shared::{digest::Digest, flat_package::signature::Certificate};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const MACOS_11: u32 = 0x000b_0000;
const PAGE_BYTES: usize = 4096;
/// Requirements: none.
const REQUIREMENTS: &[u8] = &[0xfa, 0xde, 0x0c, 0x01, 0, 0, 0, 12, 0, 0, 0, 0];
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const ECDSA_WITH_SHA_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

/// Somebody who signs programs, below a root of their own.
pub struct Developer {
    root: CertifiedIssuer<'static, KeyPair>,
    leaf: Vec<u8>,
    key: KeyPair,
}

impl Developer {
    /// One whose certificate names `team`.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new(team: &str) -> Self {
        Self::certified(team, ExtendedKeyUsagePurpose::CodeSigning)
    }

    /// One whose certificate is for web servers.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn of_web_sites(team: &str) -> Self {
        Self::certified(team, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn certified(team: &str, purpose: ExtendedKeyUsagePurpose) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "Acme Root");
        let root = CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"));
        let root = root.expect("a root certificate");
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, format!("Acme Software ({team})"));
        parameters.distinguished_name.push(DnType::OrganizationalUnitName, team);
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key");
        let leaf = parameters.signed_by(&key, &root).expect("a certificate").der().to_vec();
        Self { root, leaf, key }
    }

    /// The root certificate, for those who are to trust it.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        self.root.der().to_vec()
    }

    /// The same in PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// A CMS signature without signed attributes.
    fn sign(&self, content: &[u8]) -> Vec<u8> {
        let own = Certificate::parse(&self.leaf).expect("its own certificate");
        let value = self.key.sign(content).expect("a signature");
        let name = [own.issuer.der().to_vec(), der(2, own.serial())].concat();
        let algorithm = |name: &[u8]| der(0x30, &der(6, name));
        let signer = [
            der(2, &[1]),
            der(0x30, &name),
            algorithm(SHA_256),
            algorithm(ECDSA_WITH_SHA_256),
            der(4, &value),
        ];
        let body = [
            der(2, &[1]),
            der(0x31, &algorithm(SHA_256)),
            der(0x30, &der(6, DATA)),
            der(0xa0, &[self.leaf.as_slice(), self.root.der()].concat()),
            der(0x31, &der(0x30, &signer.concat())),
        ];
        der(0x30, &[der(6, SIGNED_DATA), der(0xa0, &der(0x30, &body.concat()))].concat())
    }
}

/// One DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.push(length as u8),
        0x80..0x100 => bytes.extend([0x81, length as u8]),
        _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A program for both kinds of Macs with `code` in it, signed under the name `identifier` by `developer`, or ad hoc;
/// `parts` are what its signature covers besides, by their numbers.
#[must_use]
pub fn signed(
    code: &[u8],
    identifier: &str,
    parts: &BTreeMap<u32, Vec<u8>>,
    developer: Option<&Developer>,
) -> Vec<u8> {
    let slices = [ARM64, X86_64].map(|cpu| (cpu, slice(cpu, code, identifier, parts, developer)));
    let mut universal = [0xcafe_babe_u32, 2].map(u32::to_be_bytes).concat();
    let mut at = 0x4000_u32;
    for ((kind, subtype), slice) in &slices {
        let length = u32::try_from(slice.len()).unwrap_or(u32::MAX);
        universal.extend([*kind, *subtype, at, length, 14].map(u32::to_be_bytes).concat());
        at = (at + length).next_multiple_of(0x4000);
    }
    for (_, slice) in &slices {
        universal.resize(universal.len().next_multiple_of(0x4000), 0);
        universal.extend(slice);
    }
    universal
}

fn slice(
    cpu: (u32, u32),
    code: &[u8],
    identifier: &str,
    parts: &BTreeMap<u32, Vec<u8>>,
    developer: Option<&Developer>,
) -> Vec<u8> {
    let mut file = program(cpu, MACOS_11, code);
    file.resize(file.len().next_multiple_of(16), 0);
    let read = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let (count, bytes) = (read(&file, 16), read(&file, 20) as usize);
    let at = u32::try_from(file.len()).unwrap_or(u32::MAX);
    // The length of the signature does not depend on what it covers; that of an ECDSA value nearly so.
    let room = 4096 + file.len().div_ceil(PAGE_BYTES) as u32 * 32;
    let command = [0x1d_u32, 16, at, room].map(u32::to_le_bytes).concat();
    file[32 + bytes..48 + bytes].copy_from_slice(&command);
    file[16..20].copy_from_slice(&(count + 1).to_le_bytes());
    file[20..24].copy_from_slice(&(bytes as u32 + 16).to_le_bytes());
    let mut parts = parts.clone();
    parts.insert(2, REQUIREMENTS.to_vec());
    let directory = directory(&file, identifier, &parts);
    let cms = developer.map(|developer| developer.sign(&directory)).unwrap_or_default();
    let wrapper = [[0xfade_0b01, 8 + cms.len() as u32].map(u32::to_be_bytes).concat(), cms].concat();
    let inner = [(0_u32, directory), (2, REQUIREMENTS.to_vec()), (0x1_0000, wrapper)];
    let (mut index, mut blobs) = (Vec::new(), Vec::new());
    for (kind, blob) in inner {
        index.extend([kind, 36 + blobs.len() as u32].map(u32::to_be_bytes).concat());
        blobs.extend(blob);
    }
    let head = [0xfade_0cc0, 36 + blobs.len() as u32, 3].map(u32::to_be_bytes).concat();
    file.extend([head, index, blobs].concat());
    file.resize((at + room) as usize, 0);
    file
}

fn directory(code: &[u8], identifier: &str, parts: &BTreeMap<u32, Vec<u8>>) -> Vec<u8> {
    let special = parts.keys().copied().max().unwrap_or_default();
    let digests = 88 + identifier.len() as u32 + 1 + special * 32;
    let pages = code.len().div_ceil(PAGE_BYTES) as u32;
    let length = digests + pages * 32;
    let fixed = [0xfade_0c02, length, 0x2_0400, 0, digests, 88, special, pages, code.len() as u32];
    let mut directory = fixed.map(u32::to_be_bytes).concat();
    directory.extend([32, 2, 0, 12]);
    directory.resize(88, 0);
    directory.extend(identifier.bytes().chain([0]));
    for kind in (1..=special).rev() {
        directory.extend(parts.get(&kind).map_or([0; 32], |part| Digest::of(part).0));
    }
    directory.extend(code.chunks(PAGE_BYTES).flat_map(|page| Digest::of(page).0));
    directory
}

/// Makes the application `Acme.app` in `folder`: a program, two resources, one of which may be left out, and a framework
/// with a program of its own by `helper`.
///
/// # Panics
/// When the folder refuses.
pub fn application(folder: &Path, developer: Option<&Developer>, helper: Option<&Developer>) -> PathBuf {
    let (app, write) = (folder.join("Acme.app"), |path: PathBuf, content: &[u8]| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the application");
        fs::write(path, content).expect("a file of the application");
    });
    let contents = app.join("Contents");
    let version = contents.join("Frameworks/Help.framework/Versions/A");
    framework(&version, b"Help", helper);
    for (link, target) in [("Versions/Current", "A"), ("Help", "Versions/Current/Help")] {
        let place = contents.join("Frameworks/Help.framework").join(link);
        std::os::unix::fs::symlink(target, place).expect("a link in the framework");
    }
    let files: [(&str, &[u8]); 2] = [("Resources/a.txt", b"text"), ("Resources/de.lproj/b.strings", b"Wort")];
    for (name, content) in files {
        write(contents.join(name), content);
    }
    std::os::unix::fs::symlink("a.txt", contents.join("Resources/link")).expect("a link");
    write(contents.join("PkgInfo"), b"APPL????");
    let file = |content: &[u8], optional: bool| {
        let mut entry = plist::Dictionary::new();
        entry.insert("hash2".into(), plist::Value::Data(Digest::of(content).0.to_vec()));
        if optional {
            entry.insert("optional".into(), true.into());
        }
        plist::Value::Dictionary(entry)
    };
    let one = |key: &str, value: plist::Value| {
        plist::Value::Dictionary([(key.to_owned(), value)].into_iter().collect())
    };
    let program = fs::read(version.join("Help")).expect("the program of the framework");
    let sealed = BTreeMap::from([
        ("Resources/a.txt".to_owned(), file(b"text", false)),
        ("Resources/de.lproj/b.strings".to_owned(), file(b"Wort", true)),
        ("Resources/link".to_owned(), one("symlink", "a.txt".into())),
        ("Frameworks/Help.framework".to_owned(), one("cdhash", plist::Value::Data(hash_of_first(&program)))),
    ]);
    bundle(&contents, ("Info.plist", "MacOS/Acme", b"Acme"), &sealed, developer);
    app
}

/// Makes a version of the framework, with `code` in its program.
///
/// # Panics
/// When the folder refuses.
pub fn framework(version: &Path, code: &[u8], developer: Option<&Developer>) {
    bundle(version, ("Resources/Info.plist", "Help", code), &BTreeMap::new(), developer);
}

/// The digest of the code directory for the first processor in a program of ours.
fn hash_of_first(program: &[u8]) -> Vec<u8> {
    let slice = &program[0x4000..];
    let at = slice.windows(4).position(|four| four == [0xfa, 0xde, 0x0c, 0x02]).expect("a code directory");
    let length = u32::from_be_bytes(slice[at + 4..at + 8].try_into().expect("four bytes")) as usize;
    Digest::of(&slice[at..at + length]).0[..20].to_vec()
}

/// Writes `Info.plist`, seal and program of a bundle below `base`.
fn bundle(
    base: &Path,
    (info, program, code): (&str, &str, &[u8]),
    sealed: &BTreeMap<String, plist::Value>,
    developer: Option<&Developer>,
) {
    let write = |path: PathBuf, content: &[u8]| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the bundle");
        fs::write(path, content).expect("a file of the bundle");
    };
    let name = program.rsplit('/').next().unwrap_or_default();
    let text = format!("<plist><dict><key>CFBundleExecutable</key><string>{name}</string></dict></plist>");
    write(base.join(info), text.as_bytes());
    let mut sealed = sealed.clone();
    if info.starts_with("Resources/") {
        let entry = [("hash2".to_owned(), plist::Value::Data(Digest::of(text.as_bytes()).0.to_vec()))];
        sealed.insert(info.to_owned(), plist::Value::Dictionary(entry.into_iter().collect()));
    }
    let files = plist::Value::Dictionary(sealed.into_iter().collect());
    let seal: plist::Dictionary = [("files2".to_owned(), files)].into_iter().collect();
    let mut written = Vec::new();
    plist::to_writer_xml(&mut written, &plist::Value::Dictionary(seal)).expect("a property list");
    write(base.join("_CodeSignature/CodeResources"), &written);
    let parts = BTreeMap::from([(1, text.into_bytes()), (3, written)]);
    write(base.join(program), &signed(code, &format!("com.acme.{name}"), &parts, developer));
}
