//! Good inputs for each target, made from what the repository has.

use flate2::read::ZlibDecoder;
use shared::{
    archive::write::{write_tar, write_zip},
    base64::encode_url,
    digest::Digest,
    disk_image::{
        Coding,
        write::{ImageSpec, write_image},
    },
    event::{AcceptedBecause, Event, EventKind, ItemEnd, Leftover, Listed, RunEnd},
    exit::{Ended, ExitCode},
    facts::{Arch, Facts},
    flat_package::{
        FlatPackage,
        payload::{Compression, Payload},
        write::{Node, NodeKind, Source, Tree},
    },
    ipc::{
        frame,
        message::{
            CheckIn, Command, FromAgent, FromDaemon, FromStranger, Outcome, PROTOCOL, Reply, Request,
            RequestId, RunUserScript, to_bytes,
        },
    },
    item::{FailPolicy, Fingerprint, ItemId, ItemKind, Phase},
    journal::{Opening, VERSION, line},
    layout::MacPath,
    minisign::SecretKey,
    sys::packing::build_component,
};
use std::{collections::BTreeMap, fs, io::Read as _, path::Path};
use support::signed_app::{Developer, signed};

const ITEM: ItemId = ItemId::new(Phase::Userland, 0);

fn repository(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The same content behind a byte that chooses what is made of it.
fn behind(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], content].concat()
}

pub(crate) fn control_file() -> Vec<Vec<u8>> {
    let small = r#"{"preflight": [], "setupassistant": [{"file": "/Library/a.pkg", "url": "https://a.example/a.pkg",
        "packageid": "a", "version": "1.0", "hash": "00", "name": "A", "type": "package", "pkg_required": true,
        "parallel_group": "g", "donotwait": 1, "retries": 3, "retrywait": 5, "skip_if": "intel"}], "userland": []}"#;
    vec![repository("examples/onboarding/bootstrap.json"), small.into()]
}

pub(crate) fn catalog() -> Vec<Vec<u8>> {
    let item = |name: &str, version: &str, more: &str| {
        format!(
            "<dict><key>name</key><string>{name}</string><key>version</key><string>{version}</string>
            <key>installer_item_location</key><string>apps/{name}-{version}.dmg</string>
            <key>installer_item_hash</key><string>{}</string><key>installer_item_size</key><integer>7</integer>{more}</dict>",
            "0a".repeat(32)
        )
    };
    let list = |key: &str, name: &str| format!("<key>{key}</key><array><string>{name}</string></array>");
    let copied = "<key>installer_type</key><string>copy_from_dmg</string><key>items_to_copy</key><array><dict>
        <key>source_item</key><string>A.app</string><key>destination_path</key><string>/Applications</string>
        <key>mode</key><string>o-w</string></dict></array><key>minimum_os_version</key><string>10.13</string>";
    let installs = "<key>installs</key><array><dict><key>type</key><string>application</string><key>path</key>
        <string>/Applications/A.app</string><key>CFBundleShortVersionString</key><string>1.0</string></dict></array>
        <key>PackageURL</key><string>https://repo.example/x/</string><key>OnDemand</key><false/>";
    let items = [
        item("A", "1.10", copied),
        item("A", "1.9b2", installs),
        item("B", "2", &list("requires", "A-1.9b2")),
        item("C", "3", &(list("update_for", "B--2") + &list("requires", "C"))),
    ];
    let xml =
        format!("<?xml version=\"1.0\"?><plist version=\"1.0\"><array>{}</array></plist>", items.concat());
    let mut binary = Vec::new();
    plist::from_bytes::<plist::Value>(xml.as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
    vec![xml.into_bytes(), binary]
}

pub(crate) fn settings_plist() -> Vec<Vec<u8>> {
    let files = [
        "launchd/profile/cz.macadmin.iasd.mobileconfig",
        "launchd/LaunchDaemons/cz.macadmin.iasd.plist",
        "examples/onboarding/iasd.plist",
    ];
    let mut seeds: Vec<Vec<u8>> = files.map(repository).into();
    let mut binary = Vec::new();
    let settings: plist::Value = plist::from_bytes(&seeds[2]).unwrap();
    settings.to_writer_binary(&mut binary).unwrap();
    seeds.push(binary);
    seeds
}

/// A package of the example, whole.
fn package() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a.pkg");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/onboarding/packages/AcmeTools");
    build_component(&source, &out).unwrap();
    fs::read(out).unwrap()
}

/// An entry of that package.
fn entry(name: &str) -> Vec<u8> {
    let mut package = FlatPackage::open(std::io::Cursor::new(package())).unwrap();
    let id = package.archive.find(name).unwrap();
    package.archive.read_whole(id, 1 << 20).unwrap()
}

pub(crate) fn flat_package() -> Vec<Vec<u8>> {
    let package = package();
    let opened = FlatPackage::open(std::io::Cursor::new(package.clone())).unwrap().archive.contents();
    let mut toc = Vec::new();
    ZlibDecoder::new(&*opened.unwrap().unwrap().compressed).read_to_end(&mut toc).unwrap();
    // Without its checksum, which would not be right once something is changed.
    let text = String::from_utf8(toc.clone()).unwrap();
    let (before, rest) = text.split_once("<checksum").unwrap();
    let (_, after) = rest.split_once("</checksum>").unwrap();
    vec![behind(0, &package), behind(1, &toc), behind(1, format!("{before}{after}").as_bytes())]
}

pub(crate) fn description() -> Vec<Vec<u8>> {
    let product = r#"<?xml version="1.0"?><installer-gui-script minSpecVersion="2"><title>T</title>
        <options customize="never" hostArchitectures="arm64,x86_64"/><volume-check><allowed-os-versions>
        <os-version min="13.0" before="16"/></allowed-os-versions></volume-check><choices-outline><line choice="a">
        <line choice="b"/></line></choices-outline><choice id="a" selected="system.compareVersions('1','2') &lt; 0">
        <pkg-ref id="p"/></choice><choice id="b" start_selected="false"/><pkg-ref id="p" version="1"
        installKBytes="4" auth="root">#p.pkg</pkg-ref></installer-gui-script>"#;
    vec![behind(0, &entry("PackageInfo")), behind(1, product.as_bytes()), behind(2, &entry("Bom"))]
}

pub(crate) fn payload() -> Vec<Vec<u8>> {
    let packed = entry("Payload");
    let mut plain = Vec::new();
    Payload::new(&*packed).unwrap().read_to_end(&mut plain).unwrap();
    vec![packed, plain, entry("Scripts")]
}

/// A small application with a link and two names of one file, and where its files are.
fn app() -> (Tree, BTreeMap<String, Vec<u8>>) {
    let node = |path: &str, kind| Node { path: path.into(), kind, mode: 0o755, uid: 0, gid: 0, mtime: 1 };
    let file = |identity| NodeKind::File { size: 5, identity };
    let folders = [".", "Acme.app", "Acme.app/Contents"].map(|path| node(path, NodeKind::Folder));
    let files = ["Acme.app/Contents/Info.plist", "Acme.app/Contents/run", "again"];
    let nodes = [
        node(files[0], file(None)),
        node(files[1], file(Some(1))),
        node(files[2], file(Some(1))),
        node("Applications", NodeKind::Link { target: "/Applications".into() }),
    ];
    let tree = Tree::new([&folders[..], &nodes].concat()).unwrap();
    (tree, files.map(|file| (file.to_owned(), b"bytes".to_vec())).into())
}

pub(crate) fn archive() -> Vec<Vec<u8>> {
    let (tree, contents) = app();
    let source = Source { tree: &tree, contents: &contents };
    let mut zip = Vec::new();
    write_zip(source, &mut zip).unwrap();
    let compressions = [Compression::None, Compression::Gzip, Compression::Bzip2];
    let tars = compressions.map(|compression| {
        let mut tar = Vec::new();
        write_tar(source, compression, &mut tar).unwrap();
        tar
    });
    [&[zip], &tars[..]].concat()
}

pub(crate) fn disk_image() -> Vec<Vec<u8>> {
    let (tree, contents) = app();
    let image = |coding| {
        let mut image = Vec::new();
        let source = Source { tree: &tree, contents: &contents };
        write_image(ImageSpec { name: "Acme", coding }, source, &mut image).unwrap();
        image
    };
    let packed =
        [Coding::Zlib, Coding::Bzip2, Coding::Lzfse, Coding::Lzma].map(|coding| behind(0, &image(coding)));
    let raw = behind(1, &image(Coding::Raw));
    // Made by what tests `shared/src/disk_image/apfs`.
    let mut container = Vec::new();
    ZlibDecoder::new(&include_bytes!("apfs_container.zz")[..]).read_to_end(&mut container).unwrap();
    [&packed[..], &[raw, behind(2, &container)]].concat()
}

pub(crate) fn signed_program() -> Vec<Vec<u8>> {
    let developer = Developer::new("ABCDE12345");
    [None, Some(&developer)].map(|by| signed(b"code", "com.acme", &BTreeMap::new(), by)).into()
}

pub(crate) fn signature() -> Vec<Vec<u8>> {
    let root = repository("shared/src/flat_package/signature/apple_root_ca.der");
    // SignedData with one certificate, as far as its outermost layers go.
    let head = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x0b";
    vec![[&head[..], &root].concat(), root]
}

pub(crate) fn signed_control_file() -> Vec<Vec<u8>> {
    let key = SecretKey::from_seed([1; 8], [1; 32]).unwrap();
    let signature = key.sign(b"{}", "serial:8 expires:2030-01-01T00:00:00Z").unwrap();
    vec![
        signature.into_bytes(),
        key.public().to_string().into_bytes(),
        b"serial:8 expires:2030-01-01".to_vec(),
    ]
}

/// The vectors of the exchange that are valid, their claims, and claims that say more.
pub(crate) fn token() -> Vec<Vec<u8>> {
    let claims = r#"{"iss":"https://envquery.example.test","aud":"urn:uuid:4C4C4544-0044-4A10-8053-B7C04F4E3132","sub":"4C4C4544-0044-4A10-8053-B7C04F4E3132","iat":1767225600,"nbf":1767225600,"exp":1767226200,"rid":"r-0001","repo":"https://cdn.example.test/repo","auth":"Basic dGVzdDp0ZXN0"}"#;
    let token = |header: &str, signature: &str| {
        let [header, claims] = [header, claims].map(|part| encode_url(part.as_bytes()));
        behind(0, format!("{header}.{claims}.{signature}").as_bytes())
    };
    let more = claims.replace("\"rid\"", "\"catalogs\":[\"production\"],\"x\":{\"a\":[1.5e3,null]},\"rid\"");
    vec![
        token(
            r#"{"alg":"HS256","typ":"titles+jwt","kid":"k1"}"#,
            "aNK0e3cD8FyoTIOO6-kTtAE2iDDUD4TtgjBlLZgPTXM",
        ),
        token(
            r#"{"alg":"EdDSA","typ":"titles+jwt","kid":"e1"}"#,
            "A3Lf1nxWB3y44RzbePoI7nfPr92NID7MU73zSn2Q3q6DHdfWXhJ9ahEJFeTxUmzqKyP63tzT9FXwjM4xS3sFCQ",
        ),
        behind(1, claims.as_bytes()),
        behind(1, more.as_bytes()),
    ]
}

pub(crate) fn ipc_frame() -> Vec<Vec<u8>> {
    let id = RequestId { daemon: 1, number: 2 };
    let script = RunUserScript {
        item: ITEM,
        name: "Dock".into(),
        digest: Digest::of(b"x"),
        bytes: 1,
        donotwait: true,
        timeout_ms: Some(1500),
    };
    let request = Request { id, protocol: PROTOCOL, dry_run: false, command: Command::RunUserScript(script) };
    let claim = CheckIn { protocol: PROTOCOL, version: "1".into(), uid: 501, pid: 7 };
    let tail = vec!["a line".to_owned()];
    let bodies = [
        to_bytes(&FromStranger::CheckIn(claim)),
        to_bytes(&FromDaemon::Request(request)),
        to_bytes(&FromAgent::Reply(Reply::new(id, Outcome::ended(Ended::Signalled(9), tail)))),
        to_bytes(&FromAgent::Output { id, line: "hello".into() }),
        to_bytes(&FromAgent::BackgroundEnded { item: ITEM, ended: Ended::Lost("x".into()) }),
    ];
    let bodies = bodies.map(Result::unwrap);
    let frames: Vec<u8> = bodies.iter().flat_map(|body| frame::encode(body, false).unwrap()).collect();
    bodies.iter().map(|body| behind(0, body)).chain([behind(1, &frames), behind(200, &frames)]).collect()
}

pub(crate) fn journal() -> Vec<Vec<u8>> {
    let events: Vec<Event> =
        (1..).zip(facts()).map(|(seq, kind)| Event { seq, at_ms: 1000 * seq, kind }).collect();
    let opening = Opening { journal: VERSION, ..Opening::default() };
    let mut plain = serde_json::to_string(&opening).unwrap() + "\n";
    let mut sealed = line(&opening).unwrap();
    for event in &events {
        plain += &(serde_json::to_string(event).unwrap() + "\n");
        sealed += &line(event).unwrap();
    }
    // Folded into its first line, as a long journal is.
    let mut state = shared::state::RunState::default();
    events.iter().for_each(|event| state.apply(event));
    let folded = serde_json::to_string(&Opening { state, ..opening }).unwrap() + "\n";
    vec![behind(0, sealed.as_bytes()), behind(1, plain.as_bytes()), behind(1, folded.as_bytes())]
}

fn facts() -> Vec<EventKind> {
    let (receipts, placed) = (BTreeMap::from([("a".to_owned(), "1".to_owned())]), BTreeMap::new());
    let facts =
        Facts { arch: Arch::Arm64, os_version: "15.1".into(), receipts, placed, found: BTreeMap::new() };
    let listed = Listed {
        id: ITEM,
        name: "A".into(),
        kind: Some(ItemKind::RootScript),
        fail_policy: FailPolicy::Failable,
        fingerprint: Some(Fingerprint("f".into())),
    };
    let path = MacPath::new("/Library/a.pkg").unwrap();
    vec![
        EventKind::RunStarted {
            run_id: "r".into(),
            version: "0".into(),
            dry_run: false,
            facts,
            launch: 1,
            boot: Some("boot".into()),
            uptime_ms: 1,
        },
        EventKind::ControlFileLoaded {
            source: "https://a.example/bootstrap.json".into(),
            digest: Digest::of(b"{}"),
            items: vec![listed],
            errors: 0,
            warnings: 1,
            over: Vec::new(),
        },
        EventKind::PhaseStarted { phase: Phase::Userland },
        EventKind::DownloadStarted { id: ITEM, url: "https://a.example/".into(), attempt: 1, resumed_at: 0 },
        EventKind::DownloadFinished {
            id: ITEM,
            bytes: 3,
            digest: Digest::of(b"x"),
            because: AcceptedBecause::HashEqual,
            reused: false,
        },
        EventKind::ItemRunning { id: ITEM },
        EventKind::ItemFinished {
            id: ITEM,
            end: ItemEnd::ExecutionFailed(Ended::Exited(3)),
            ms: 10,
            last_lines: vec!["no".into()],
        },
        EventKind::RunFinished {
            exit: ExitCode::Finished,
            end: RunEnd::Completed,
            summary: "over".into(),
            leftovers: vec![Leftover { path, failed: true, created: true }],
        },
    ]
}
