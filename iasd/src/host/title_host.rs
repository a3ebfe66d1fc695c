//! What a title needs of the computer (sections 2.5 to 2.8 of the rules of titles): [`TitleHost`], and [`Attached`] images.
//!
//! It is a trait of its own so that whoever carries out titles can be given this much and no more; every [`super::Host`]
//! has it, because a run that meets a title on its way has only one computer to carry it out on.

use super::{HostError, Launch, Running};
use crate::download::VerifiedArtifact;
use futures::future::BoxFuture;
use shared::{
    item::SignerId,
    layout::MacPath,
    title::{CopyItem, Found, PackageOptions, Trace},
};
use std::collections::BTreeMap;

/// Whether what a script writes to standard error is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hear {
    /// All that it writes goes to the log.
    Everything,
    /// Only standard output, because it is an answer (`version_script`, T37).
    Output,
}

/// An application to be taken out of a download: what an `app` item is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppCopy<'a> {
    /// The download: a disk image, a zip, or a tar archive, whatever it is called.
    pub(crate) archive: &'a VerifiedArtifact,
    /// Where the application is in it, such as `Foo.app`.
    pub(crate) app: &'a str,
    /// The folder it is put into, under its own name.
    pub(crate) into: &'a MacPath,
    /// One of these must have signed it; none: whoever made it.
    pub(crate) team_ids: &'a [SignerId],
}

impl AppCopy<'_> {
    /// What is put in its place: like an item of a disk image, with the owner and mode these have by default (T36).
    pub(super) fn item(&self) -> CopyItem {
        CopyItem {
            source: self.app.to_owned(),
            folder: self.into.to_string(),
            name: self.app.rsplit('/').next().unwrap_or_default().to_owned(),
            user: "root".to_owned(),
            group: "admin".to_owned(),
            mode: "o-w,go+rX".to_owned(),
        }
    }
}

/// A computer on which titles are carried out.
pub(crate) trait TitleHost: Send + Sync {
    /// Looks for what installed titles leave behind (T39). What cannot be read is not there.
    fn probe<'a>(&'a self, traces: &'a [Trace]) -> BoxFuture<'a, BTreeMap<Trace, Found>>;

    /// The installed version of every package, read anew each time (T40).
    fn receipts(&self) -> BoxFuture<'_, Result<BTreeMap<String, String>, HostError>>;

    /// The first argument of every running process: usually the path of its program (T45).
    fn processes(&self) -> BoxFuture<'_, Result<Vec<String>, HostError>>;

    /// Runs a script of a pkginfo as root, from a folder of its own that is gone afterwards (T47). One without a `#!`
    /// line never begins.
    fn run_text<'a>(
        &'a self,
        script: &'a str,
        hear: Hear,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>>;

    /// Installs a package as its title wants it (T35). One at a time is the caller's duty.
    fn install_with<'a>(
        &'a self,
        package: &'a VerifiedArtifact,
        options: &'a PackageOptions,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>>;

    /// Attaches a disk image where only root can reach it (T36, P51).
    fn attach<'a>(
        &'a self,
        image: &'a VerifiedArtifact,
    ) -> BoxFuture<'a, Result<Box<dyn Attached>, HostError>>;

    /// Takes an application out of an archive or a disk image, checks who signed it, and puts it in its place as
    /// [`Attached::copy`] does. When this is no longer awaited, it ends, and leaves nothing behind.
    fn copy_app<'a>(&'a self, order: AppCopy<'a>) -> BoxFuture<'a, Result<(), HostError>>;

    /// How many KiB of the volume of `/` are free (T33).
    fn free_kib(&self) -> Result<u64, HostError>;
}

/// A disk image that is attached, and is detached when this is dropped.
pub(crate) trait Attached: Send + Sync {
    /// Installs the package at `path` in the image, or without one the only package there is (T35).
    fn install<'a>(
        &'a self,
        path: Option<&'a str>,
        options: &'a PackageOptions,
        launch: Launch,
    ) -> BoxFuture<'a, Result<Running, HostError>>;

    /// Copies an item (T36): to a private folder first, where it gets its owner and mode; then it takes the place of
    /// the old one. When this is no longer awaited, it ends, and leaves nothing behind.
    fn copy<'a>(&'a self, item: &'a CopyItem) -> BoxFuture<'a, Result<(), HostError>>;

    /// Detaches the image, and says when it cannot.
    fn detach(self: Box<Self>) -> BoxFuture<'static, Result<(), HostError>>;
}
