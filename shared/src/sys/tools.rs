//! Every tool of the system that the programs call on a Mac, and where it is: the whole table.

/// Runs a program under one processor type: whether Rosetta is there.
pub const ARCH: &str = "/usr/bin/arch";
/// Keeps the Mac awake during the run.
pub const CAFFEINATE: &str = "/usr/bin/caffeinate";
/// Sets the modes of what is copied from a disk image or archive.
pub const CHMOD: &str = "/bin/chmod";
/// Sets the owner of what is copied from a disk image or archive.
pub const CHOWN: &str = "/usr/sbin/chown";
/// Tells how a program is signed. Part of every macOS, also without developer tools.
pub const CODESIGN: &str = "/usr/bin/codesign";
/// Copies from a disk image, and unpacks zip archives, with everything a Mac knows of files.
pub const DITTO: &str = "/usr/bin/ditto";
/// Sets the environment of a program that runs as the user.
pub const ENV: &str = "/usr/bin/env";
/// Attaches disk images.
pub const HDIUTIL: &str = "/usr/bin/hdiutil";
/// Installs packages.
pub const INSTALLER: &str = "/usr/sbin/installer";
/// Tells the hardware's identity.
pub const IOREG: &str = "/usr/sbin/ioreg";
/// Loads and unloads jobs, and leads into a user's session.
pub const LAUNCHCTL: &str = "/bin/launchctl";
/// Opens the progress window in the user's session.
pub const OPEN: &str = "/usr/bin/open";
/// Reads receipts and signatures of packages.
pub const PKGUTIL: &str = "/usr/sbin/pkgutil";
/// Tells which programs are running.
pub const PS: &str = "/bin/ps";
/// Tells whether there is a network.
pub const SCUTIL: &str = "/usr/sbin/scutil";
/// Runs scripts that name no interpreter, and what needs a moment before it begins.
pub const SH: &str = "/bin/sh";
/// Restarts the Mac.
pub const SHUTDOWN: &str = "/sbin/shutdown";
/// Lets a restart wait until this program is gone.
pub const SLEEP: &str = "/bin/sleep";
/// Sets the clock by a server's.
pub const SNTP: &str = "/usr/bin/sntp";
/// Asks Gatekeeper about a package.
pub const SPCTL: &str = "/usr/sbin/spctl";
/// Gives up root's rights for a user's program.
pub const SUDO: &str = "/usr/bin/sudo";
/// Tells the version of macOS.
pub const SW_VERS: &str = "/usr/bin/sw_vers";
/// Tells what kind of Mac this is.
pub const SYSCTL: &str = "/usr/sbin/sysctl";
/// Unpacks archives that are no zip.
pub const TAR: &str = "/usr/bin/tar";
/// Does nothing, under the processor type that is asked about.
pub const TRUE: &str = "/usr/bin/true";
