//! The table of every key a control file may hold; the reader, its hints and the schema for editors are made from it (R3, R8).
//!
//! A flat table: a new key is one row here, and what reads it.

use crate::item::ItemKind;

/// The keys of the document: its phases.
pub(super) const DOCUMENT: [&str; 3] = ["preflight", "setupassistant", "userland"];

/// What a value must be. What else is understood, with a warning, is said where it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It is not looked at.
    Anything,
    /// The key has no meaning yet, and must not be there.
    Reserved,
    /// Any text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// 0 or more.
    WholeNumber,
    /// A whole number above 0.
    Seconds,
    /// The kind of the item.
    Kind,
    /// One of the policies.
    FailPolicy,
    /// Architectures, in one text or several.
    SkipIf,
    /// Which redirects are followed.
    Redirects,
    /// What is done while an application is open.
    Blocking,
    /// A path that names a file.
    File,
    /// A name or a path that ends in `.app`.
    App,
    /// A URL.
    Address,
    /// An array of URLs.
    Addresses,
    /// A SHA-256.
    Digest,
    /// Names of headers with their texts.
    Headers,
    /// The identifier of a package.
    PackageId,
    /// A version, which is text.
    Version,
    /// Who may have signed.
    TeamIds,
    /// The name of a title.
    Title,
    /// Names of catalogs, in one text or several.
    Catalogs,
}

/// One key of an item.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value must be.
    pub shape: Shape,
    /// The kinds of items it means something for.
    pub kinds: &'static [ItemKind],
    /// What it means.
    pub doc: &'static str,
}

const NONE: &[ItemKind] = &[];
const ANY: &[ItemKind] = &ItemKind::ALL;
const APPS: &[ItemKind] = &[ItemKind::App];
const TITLES: &[ItemKind] = &[ItemKind::Title];
const PACKAGES: &[ItemKind] = &[ItemKind::Package];
const SIGNED: &[ItemKind] = &[ItemKind::Package, ItemKind::App];
const VERSIONED: &[ItemKind] = &[ItemKind::Package, ItemKind::App, ItemKind::Title];
/// There is a process.
const RUN: &[ItemKind] = &[ItemKind::Package, ItemKind::RootScript, ItemKind::UserScript, ItemKind::Title];
/// The control file says where the content is, not a catalog.
const FETCHED: &[ItemKind] = &[
    ItemKind::Package,
    ItemKind::RootScript,
    ItemKind::UserScript,
    ItemKind::RootFile,
    ItemKind::UserFile,
    ItemKind::App,
];

/// Every key of an item, of every dialect.
pub const KEYS: [Key; 37] = [
    key("additional_headers", Shape::Headers, FETCHED, "headers sent with the request"),
    key(
        "app",
        Shape::App,
        APPS,
        "what is copied out of the content: a name goes to /Applications, a path where it says",
    ),
    key(
        "blocking",
        Shape::Blocking,
        TITLES,
        "in userland, while the application is open: wait, skip or ignore",
    ),
    key(
        "cache_data",
        Shape::Anything,
        NONE,
        "no effect: a file that is already right is never downloaded again",
    ),
    key(
        "can_resume",
        Shape::Boolean,
        FETCHED,
        "accepted; interrupted downloads are always resumed where the server allows it",
    ),
    key(
        "catalog",
        Shape::Catalogs,
        TITLES,
        "catalogs that are searched, in this order; the default is the setting TitleCatalogs",
    ),
    key(
        "confirm",
        Shape::Boolean,
        TITLES,
        "look afterwards whether the title is there; true unless said otherwise",
    ),
    key(
        "connection_timeout",
        Shape::Seconds,
        FETCHED,
        "replaces 30 seconds to connect and 60 seconds without data",
    ),
    key("donotwait", Shape::Boolean, RUN, "go on as soon as the process has started; not in preflight"),
    key(
        "download_only_if_changed",
        Shape::Anything,
        NONE,
        "no effect: a file that is already right is never downloaded again",
    ),
    key(
        "download_timeout",
        Shape::WholeNumber,
        ANY,
        "seconds that all attempts and the waits between them may take together; 0 means no limit",
    ),
    key("ensure", Shape::Reserved, TITLES, "reserved: titles can be installed, not removed"),
    key(
        "fail_policy",
        Shape::FailPolicy,
        ANY,
        "what a failure means for the run; failable_execution unless said otherwise",
    ),
    key("file", Shape::File, FETCHED, "where it is put on the Mac, or lies already: an absolute path"),
    key(
        "follow_redirects",
        Shape::Redirects,
        FETCHED,
        "which redirects are followed; the default is the setting FollowRedirects",
    ),
    key("hash", Shape::Digest, ANY, "its SHA-256: 64 hexadecimal digits"),
    key("ignore_system_proxy", Shape::Boolean, FETCHED, "go past the proxy"),
    key(
        "minimum_tls_protocol",
        Shape::WholeNumber,
        FETCHED,
        "10 (or 772) asks for TLS 1.3; less than TLS 1.2 has no effect",
    ),
    key("name", Shape::Text, ANY, "what people see in progress, logs and reports"),
    key(
        "packageid",
        Shape::PackageId,
        PACKAGES,
        "with version: the receipt that makes the package unnecessary",
    ),
    key(
        "parallel_group",
        Shape::Text,
        ANY,
        "neighbours with the same group run at the same time; not in preflight",
    ),
    key("password", Shape::Text, FETCHED, "used with username when the server asks for it"),
    key("pkg_required", Shape::Boolean, PACKAGES, "install the package whatever its receipt says"),
    key("reinstall", Shape::Boolean, TITLES, "install the title even if it is there"),
    key("required", Shape::Boolean, PACKAGES, "install the package whatever its receipt says"),
    key(
        "retries",
        Shape::WholeNumber,
        ANY,
        "how often a failed download is tried again; 0 means once and no more",
    ),
    key(
        "retrywait",
        Shape::WholeNumber,
        ANY,
        "seconds before the second attempt; doubled each time, up to a minute",
    ),
    key(
        "skip_if",
        Shape::SkipIf,
        ANY,
        "leave the item out on arm64 (or apple_silicon), or on x86_64 (or intel)",
    ),
    key("team_ids", Shape::TeamIds, SIGNED, "who must have signed it: Team IDs, and Apple"),
    key(
        "timeout",
        Shape::WholeNumber,
        RUN,
        "seconds after which the process is ended, and has failed; 0 means no limit",
    ),
    key("title", Shape::Title, TITLES, "the name of its pkginfos in the repository, exactly"),
    key("type", Shape::Kind, ANY, "what it is, and what is done with it"),
    key(
        "updates",
        Shape::Boolean,
        TITLES,
        "install what the catalogs call an update for it; true unless said otherwise",
    ),
    key("url", Shape::Address, FETCHED, "where it comes from; without it the file must be there already"),
    key("urls", Shape::Addresses, FETCHED, "addresses of the same content, asked in this order after url"),
    key("username", Shape::Text, FETCHED, "used with password when the server asks for it"),
    key(
        "version",
        Shape::Version,
        VERSIONED,
        "of a package: see packageid; of an app: enough when it is there; of a title: exactly this one",
    ),
];

const fn key(name: &'static str, shape: Shape, kinds: &'static [ItemKind], doc: &'static str) -> Key {
    Key { name, shape, kinds, doc }
}

/// Their names.
pub(super) const ITEM: [&str; KEYS.len()] = {
    let mut names = [""; KEYS.len()];
    let mut index = 0;
    while index < KEYS.len() {
        names[index] = KEYS[index].name;
        index += 1;
    }
    names
};
