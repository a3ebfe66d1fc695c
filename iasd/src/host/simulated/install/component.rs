//! Installs one component: its scripts around its payload, then its receipt (P41, P58).

use super::{Failure, Report, Script, Session, chain, filling::Filling};
use crate::host::simulated::receipt::{self, Receipt};
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _};
use shared::{
    exit::Ended,
    flat_package::{FlatPackage, cpio::below, package_info::PackageInfo, xar::EntryId},
    layout::MacPath,
    sys::unpack::{MOST_ENTRIES, Place, Placed, Remark, Rules, Totals, unpack},
    wording::bytes,
};
use std::{
    io::{self, Read, Seek},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Largest bill of materials that is kept; the largest known ones have tens of megabytes.
const MAX_BILL: u64 = 256 << 20;
/// What no package gets of the free space: others write, too.
const RESERVE: u64 = 64 << 20;

/// Makes the folder in which everything of one installation happens, readable by root only.
pub(super) fn private_folder(root: &Dir) -> io::Result<MacPath> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..100_u128 {
        let name = format!("/private/tmp/PKInstallSandbox.{:06x}", (time / 1000 + attempt) & 0xff_ffff);
        let path = MacPath::new(&name).map_err(io::Error::other)?;
        root.create_dir_all("private/tmp")?;
        match root.create_dir_with(path.relative(), DirBuilder::new().mode(0o700)) {
            Ok(()) => return Ok(path),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Session<'_> {
    pub(super) fn component<R: Read + Seek>(
        &mut self,
        package: &mut FlatPackage<R>,
        index: usize,
        (from, share): (f32, f32),
    ) -> Result<(), Failure> {
        let Some(component) = package.components.get(index).cloned() else { return Ok(()) };
        let info = &component.info;
        let location = destination(info)?;
        let id = &info.identifier;
        if component.payload.is_some() && !id.is_empty() && !receipt::is_usable(id) {
            return Err(Failure::Failed(format!("the package identifier {id:?} cannot name a receipt")));
        }
        self.log.line("installd", &format!("PackageKit: Begin install of {id} {}", info.version));
        let scripts = self.unpack_scripts(package, component.scripts, id)?;
        self.script(info.preinstall.as_deref(), "preinstall", scripts.as_ref(), (info, &location))?;
        self.message(Report::Phase("Writing files…".into()));
        self.message(Report::Percent(from));
        if let Some(payload) = component.payload {
            self.has_room(info)?;
            let folder = location.trim_start_matches('/').to_owned();
            let total = info.number_of_files.unwrap_or(1).max(1) as f32;
            let mut done = 0.0;
            let mut shown = from;
            let totals =
                self.unpack(package, payload, Path::new(&folder), false, &mut |around, placed| {
                    done += 1.0;
                    let percent = from + share * f32::min(done / total, 1.0) * 0.9;
                    // A report for each file of a large package would drown everything else.
                    if percent - shown >= 1.0 {
                        shown = percent;
                        around.say(Report::Percent(percent));
                    }
                    placed.remark
                })?;
            let (entries, bytes) = (totals.entries, totals.bytes);
            self.log.line("installd", &format!("PackageKit: Wrote {entries} items, {bytes} bytes, of {id}"));
        }
        self.script(info.postinstall.as_deref(), "postinstall", scripts.as_ref(), (info, &location))?;
        // Packages without a payload leave no receipt, on a Mac too.
        let Some(_) = component.payload.filter(|_| !id.is_empty()) else { return Ok(()) };
        self.receipt(package, component.bom, info, &location)
    }

    /// `installer` begins nothing for which there is no room.
    fn has_room(&self, info: &PackageInfo) -> Result<(), Failure> {
        let needed = info.install_kbytes.unwrap_or_default().saturating_mul(1024);
        let free = self.free_bytes();
        if needed <= free {
            return Ok(());
        }
        let (needed, free) = (bytes(needed), bytes(free));
        Err(Failure::Failed(format!("It needs {needed} of free space; there are {free}.")))
    }

    fn free_bytes(&self) -> u64 {
        if self.around.disk().takes_more().is_ok() { free_bytes(self.mac.root) } else { 0 }
    }

    fn unpack_scripts<R: Read + Seek>(
        &mut self,
        package: &mut FlatPackage<R>,
        scripts: Option<EntryId>,
        id: &str,
    ) -> Result<Option<MacPath>, Failure> {
        let Some(scripts) = scripts else { return Ok(None) };
        let name = id.replace('/', "_");
        let folder = self
            .temporary
            .join(&format!("Scripts/{}-{name}", self.installed.len()))
            .map_err(|error| Failure::Failed(chain(&error)))?;
        self.unpack(package, scripts, folder.relative(), true, &mut |_, _| None)?;
        Ok(Some(folder))
    }

    /// Unpacks an archive of the package; `watch` sees each entry and says what is to be logged about it.
    fn unpack<R: Read + Seek>(
        &mut self,
        package: &mut FlatPackage<R>,
        entry: EntryId,
        folder: &Path,
        refuse_devices: bool,
        watch: &mut dyn FnMut(&mut dyn super::Surroundings, &Placed<'_>) -> Option<Remark>,
    ) -> Result<Totals, Failure> {
        let place = Place { root: self.mac.root, folder };
        let rules = Rules {
            // Outside the simulated Mac its root is somebody's account, in which setuid programs would be a gift.
            keep_special_bits: false,
            refuse_devices,
            // Whether that is too much for what the package says of itself, [`FlatPackage::files`] decides.
            max_bytes: self.free_bytes(),
            max_entries: MOST_ENTRIES,
        };
        let (log, around) = (&self.log, &mut *self.around);
        let disk = around.disk();
        let mut told = |placed: &Placed<'_>| {
            let text = match watch(around, placed) {
                Some(Remark::SpecialBitsKept) | None => return,
                Some(Remark::SpecialBitsRemoved) => "its setuid, setgid and sticky bits are not kept here",
                Some(Remark::DeviceLeftOut) => "left out: a device, pipe or socket",
            };
            log.line("installd", &format!("PackageKit: /{}: {text}", placed.path.display()));
        };
        let unpacked = unpack(Filling { walk: package.files(entry)?, disk }, place, rules, &mut told);
        unpacked.map_err(|error| Failure::Failed(chain(&error)))
    }

    /// Runs a script of the component, if it has it; anything but exit status 0 ends the installation.
    fn script(
        &mut self,
        file: Option<&str>,
        name: &str,
        folder: Option<&MacPath>,
        (info, location): (&PackageInfo, &str),
    ) -> Result<(), Failure> {
        let (Some(file), Some(folder)) = (file, folder) else { return Ok(()) };
        self.go_on()?;
        self.message(Report::Phase("Running package scripts…".into()));
        let program = below(Path::new(file)).ok().and_then(|file| folder.join(file.to_str()?).ok());
        let Some(program) = program else {
            return Err(Failure::Failed(format!("the {name} script {file:?} is not in the package")));
        };
        let (id, package) = (&info.identifier, self.path.file_name().to_owned());
        self.log.line("installd", &format!("PackageKit: Executing script \"./{name}\" in {folder}"));
        let script = Script {
            program,
            arguments: [self.path.as_str(), location, "/", "/"].map(str::to_owned).into(),
            environment: self.environment(name, id),
            folder: folder.clone(),
        };
        let log = &self.log;
        let mut logged = |line: &str| log.line("package_script_service", &format!("./{name}: {line}"));
        let ended = self.around.run(script, &mut logged);
        self.go_on()?;
        if ended == Ended::Exited(0) {
            return Ok(());
        }
        self.log.line("package_script_service", &format!("PackageKit: ./{name}: {ended}"));
        let reason = format!("An error occurred while running scripts from the package “{package}”.");
        self.around.say(Report::Script(name.to_owned(), ended.to_string()));
        Err(Failure::Failed(reason))
    }

    fn environment(&self, name: &str, id: &str) -> Vec<(String, String)> {
        let temporary = self.temporary.as_str();
        let usual = [
            ("COMMAND_LINE_INSTALL", "1"),
            ("DSTROOT", "/"),
            ("DSTVOLUME", "/"),
            ("INSTALLER_SECURE_TEMP", temporary),
            ("INSTALLER_TEMP", temporary),
            ("INSTALL_PKG_SESSION_ID", id),
            ("PACKAGE_PATH", self.path.as_str()),
            ("PATH", "/bin:/sbin:/usr/bin:/usr/sbin:/usr/libexec"),
            ("SCRIPT_NAME", name),
            ("SHARED_INSTALLER_TEMP", temporary),
            ("TMPDIR", temporary),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        // What its title adds comes first: what `installer` itself sets stays as it is.
        self.wish.environment.iter().cloned().chain(usual).collect()
    }

    fn receipt<R: Read + Seek>(
        &mut self,
        package: &mut FlatPackage<R>,
        bom: Option<EntryId>,
        info: &PackageInfo,
        location: &str,
    ) -> Result<(), Failure> {
        let bill = bom.map(|bom| package.archive.read_whole(bom, MAX_BILL)).transpose();
        let bill = bill.map_err(|error| Failure::Failed(chain(&error)))?;
        let receipt = Receipt {
            id: info.identifier.clone(),
            version: info.version.clone(),
            installed: SystemTime::now(),
            location: location.trim_start_matches('/').to_owned(),
            file_name: self.path.file_name().to_owned(),
        };
        let written = receipt::write(self.mac.root, &receipt, bill.as_deref());
        written.map_err(|error| Failure::Failed(format!("the receipt cannot be written: {error}")))?;
        self.installed.push(receipt.id);
        Ok(())
    }
}

/// Bytes that may still be written on the Mac whose `/` is `root`.
pub(in crate::host::simulated) fn free_bytes(root: &Dir) -> u64 {
    // Where the system does not say, the disk will.
    let volume = rustix::fs::fstatvfs(root).ok();
    let free = volume.map_or(u64::MAX, |volume| volume.f_bavail.saturating_mul(volume.f_frsize));
    free.saturating_sub(RESERVE)
}

/// The folder the payload goes to, as the Mac writes it.
fn destination(info: &PackageInfo) -> Result<String, Failure> {
    let location = info.install_location.as_deref().unwrap_or("/");
    if location.trim_matches(['/', '.']).is_empty() && !location.contains("..") {
        return Ok("/".to_owned());
    }
    let path = MacPath::new(&format!("/{location}"));
    path.map(String::from).map_err(|error| {
        Failure::Failed(format!("the install location {location:?} cannot be used: {error}"))
    })
}
