//! What the Mac is: version, processor, hardware, protection.

use super::{Call, Reply};
use shared::facts::Arch;

/// `sw_vers`.
pub(super) fn sw_vers(call: &Call<'_>) -> Reply {
    let facts = call.inside;
    match call.words().first().copied() {
        Some("-productVersion" | "--productVersion") => Reply::line(&facts.os_version),
        Some("-productName" | "--productName") => Reply::line("macOS"),
        Some("-buildVersion" | "--buildVersion") => Reply::line(&facts.os_build),
        Some("-productVersionExtra" | "--productVersionExtra") => Reply::line(""),
        Some(_) => Reply::failed(
            1,
            "Usage: sw_vers [--productName|--productVersion|--productVersionExtra|--buildVersion]",
        ),
        None => Reply::ok(format!(
            "ProductName:\t\tmacOS\nProductVersion:\t\t{}\nBuildVersion:\t\t{}\n",
            facts.os_version, facts.os_build
        )),
    }
}

/// `uname`.
pub(super) fn uname(call: &Call<'_>) -> Reply {
    let facts = call.inside;
    let major: u32 = facts.os_version.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(15);
    // macOS 11 is Darwin 20; 26 followed 15.
    let release = format!("{}.5.0", if major >= 26 { major - 1 } else { major + 9 });
    let machine = facts.arch.as_str();
    let family = if facts.arch == Arch::Arm64 { "RELEASE_ARM64_T6000" } else { "RELEASE_X86_64" };
    let version = format!("Darwin Kernel Version {release}: simulated; root:xnu-11417.121.6~2/{family}");
    let processor = if facts.arch == Arch::Arm64 { "arm" } else { "i386" };
    let flags: String = call.arguments.iter().filter_map(|word| word.strip_prefix('-')).collect();
    let wants = |flag: char| flags.contains(flag) || flags.contains('a') && flag != 'p';
    let parts = [
        (wants('s') || flags.is_empty(), "Darwin"),
        (wants('n'), &*facts.computer.name),
        (wants('r'), &release),
        (wants('v'), &version),
        (wants('m'), machine),
        (flags.contains('p'), processor),
    ];
    let words: Vec<&str> = parts.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
    Reply::line(words.join(" "))
}
