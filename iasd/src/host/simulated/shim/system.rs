//! What the Mac is: version, processor, hardware, protection.

use super::{Call, Reply};
use crate::host::simulated::HARDWARE_UUID;
use shared::facts::Arch;
use std::process::Command;

/// A file that is there once Rosetta is.
pub(super) const ROSETTA: &str = "/Library/Apple/usr/share/rosetta/rosetta";

/// `sw_vers`.
pub(super) fn sw_vers(call: &Call<'_>) -> Reply {
    let facts = call.inside;
    match call.words().first().map(|word| word.trim_start_matches('-')) {
        Some("productVersion") => Reply::line(&facts.os_version),
        Some("productName") => Reply::line("macOS"),
        Some("buildVersion") => Reply::line(&facts.os_build),
        Some("productVersionExtra") => Reply::line(""),
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

/// The version of the kernel.
fn darwin(call: &Call<'_>) -> String {
    let major: u32 =
        call.inside.os_version.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(15);
    // macOS 11 is Darwin 20, macOS 15 Darwin 24, and macOS 26, which followed, Darwin 25.
    format!("{}.5.0", if major >= 26 { major - 1 } else { major + 9 })
}

/// `uname`.
pub(super) fn uname(call: &Call<'_>) -> Reply {
    let facts = call.inside;
    let release = darwin(call);
    let family = if facts.arch == Arch::Arm64 { "RELEASE_ARM64_T6000" } else { "RELEASE_X86_64" };
    let version = format!("Darwin Kernel Version {release}: simulated; root:xnu-11417.121.6~2/{family}");
    let processor = if facts.arch == Arch::Arm64 { "arm" } else { "i386" };
    let flags: String = call.arguments.iter().filter_map(|word| word.strip_prefix('-')).collect();
    let wants = |flag: char| flags.contains(flag) || flags.contains('a');
    let parts = [
        (wants('s') || flags.is_empty(), "Darwin"),
        (wants('n'), &*facts.computer.name),
        (wants('r'), &release),
        (wants('v'), &version),
        (wants('m'), facts.arch.as_str()),
        (flags.contains('p'), processor),
    ];
    let words: Vec<&str> = parts.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
    Reply::line(words.join(" "))
}

/// `arch`: prints the processor, or runs a command for one.
pub(super) fn arch(call: &Call<'_>) -> Reply {
    let native = call.inside.arch;
    let Some(wanted) = call.arguments.first() else {
        return Reply::line(if native == Arch::Arm64 { "arm64" } else { "i386" });
    };
    let wanted = wanted.trim_start_matches('-');
    let runs = match (native, wanted) {
        (Arch::Arm64, "x86_64") => call.path(ROSETTA).exists(),
        (Arch::X86_64, "arm64" | "arm64e") => false,
        _ => true,
    };
    match call.arguments.get(1..).unwrap_or_default() {
        [program, ..] if !runs => {
            Reply::failed(1, format_args!("arch: posix_spawnp: {program}: Bad CPU type in executable"))
        }
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments);
            Reply::Become(command)
        }
        [] => Reply::failed(1, "Usage: arch [-arch_name | -arch arch_name] ... program [arguments]"),
    }
}

/// `sysctl`.
pub(super) fn sysctl(call: &Call<'_>) -> Reply {
    let quiet = call.words().iter().any(|word| word.starts_with('-') && word.contains('n'));
    let ignore = call.words().iter().any(|word| word.starts_with('-') && word.contains('i'));
    let mut output = String::new();
    for name in call.words().into_iter().filter(|word| !word.starts_with('-')) {
        match known(call, name) {
            Some(value) if quiet => output.push_str(&format!("{value}\n")),
            Some(value) => output.push_str(&format!("{name}: {value}\n")),
            None if ignore => {}
            None => return Reply::failed(1, format_args!("sysctl: unknown oid '{name}'")),
        }
    }
    Reply::ok(output)
}

fn known(call: &Call<'_>, name: &str) -> Option<String> {
    let arm = call.inside.arch == Arch::Arm64;
    Some(match name {
        "hw.optional.arm64" if arm => "1".into(),
        "sysctl.proc_translated" if arm => "0".into(),
        "hw.machine" => call.inside.arch.as_str().into(),
        "hw.model" => call.inside.computer.model.clone(),
        "hw.memsize" => "17179869184".into(),
        "hw.ncpu" | "hw.logicalcpu" | "hw.physicalcpu" => "8".into(),
        "machdep.cpu.brand_string" if arm => "Apple M2".into(),
        "machdep.cpu.brand_string" => "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz".into(),
        "kern.osproductversion" => call.inside.os_version.clone(),
        "kern.osversion" => call.inside.os_build.clone(),
        "kern.osrelease" => darwin(call),
        "kern.hostname" => call.inside.computer.name.clone(),
        "kern.hv_vmm_present" => "0".into(),
        "kern.boottime" => "{ sec = 1763769600, usec = 0 } Sat Nov 22 00:00:00 2025".into(),
        _ => return None,
    })
}

/// `system_profiler`.
pub(super) fn system_profiler(call: &Call<'_>) -> Reply {
    let facts = call.inside;
    let computer = &facts.computer;
    let chip =
        if facts.arch == Arch::Arm64 { "Chip: Apple M2" } else { "Processor Name: 6-Core Intel Core i7" };
    if call.has("-json") {
        let hardware = serde_json::json!({"SPHardwareDataType": [{
            "_name": "hardware_overview", "machine_model": computer.model, "machine_name": "Mac",
            "serial_number": computer.serial, "platform_UUID": HARDWARE_UUID, "physical_memory": "16 GB",
        }]});
        return Reply::line(format_args!("{hardware:#}"));
    }
    let hardware = format!(
        "Hardware:\n\n    Hardware Overview:\n\n      Model Name: Mac\n      Model Identifier: {}\n      {chip}\n      \
         Memory: 16 GB\n      Serial Number (system): {}\n      Hardware UUID: {HARDWARE_UUID}\n\n",
        computer.model, computer.serial
    );
    let software = format!(
        "Software:\n\n    System Software Overview:\n\n      System Version: macOS {} ({})\n      Kernel Version: \
         Darwin {}\n      Computer Name: {}\n      System Integrity Protection: Enabled\n\n",
        facts.os_version,
        facts.os_build,
        darwin(call),
        computer.name
    );
    let all = call.arguments.is_empty();
    let mut output = String::new();
    if all || call.has("SPSoftwareDataType") {
        output.push_str(&software);
    }
    if all || call.has("SPHardwareDataType") {
        output.push_str(&hardware);
    }
    Reply::ok(output)
}

/// `ioreg`.
pub(super) fn ioreg(call: &Call<'_>) -> Reply {
    let computer = &call.inside.computer;
    Reply::ok(format!(
        "+-o Root  <class IORegistryEntry, id 0x100000100, retain 11>\n  +-o {0}  <class IOPlatformExpertDevice, id \
         0x100000110, registered, matched, active, busy 0, retain 41>\n      {{\n        \"IOPlatformSerialNumber\" = \
         \"{1}\"\n        \"IOPlatformUUID\" = \"{HARDWARE_UUID}\"\n        \"model\" = <\"{0}\">\n        \
         \"HIDIdleTime\" = 1000000000\n      }}\n",
        computer.model, computer.serial
    ))
}

/// `csrutil`.
pub(super) fn csrutil(_call: &Call<'_>) -> Reply {
    Reply::line("System Integrity Protection status: enabled.")
}

/// `spctl`.
pub(super) fn spctl(call: &Call<'_>) -> Reply {
    match call.arguments.last() {
        Some(flag) if flag == "--status" => Reply::line("assessments enabled"),
        Some(file) if file.starts_with('/') => Reply::Say {
            output: Vec::new(),
            error: format!("{file}: accepted\nsource=Notarized Developer ID\n"),
            status: 0,
        },
        _ => Reply::nothing(),
    }
}

/// `fdesetup`.
pub(super) fn fdesetup(call: &Call<'_>) -> Reply {
    match call.words().first() {
        Some(&"status") => Reply::line("FileVault is Off."),
        Some(&"isactive") => Reply::Say { output: b"false\n".to_vec(), error: String::new(), status: 1 },
        _ => Reply::nothing(),
    }
}

/// `nvram`.
pub(super) fn nvram(call: &Call<'_>) -> Reply {
    match call.words().as_slice() {
        [name] if !name.contains('=') && !name.starts_with('-') => Reply::failed(
            1,
            format_args!("nvram: Error getting variable - '{name}': (iokit/common) data was not found"),
        ),
        _ => Reply::nothing(),
    }
}

/// `pmset`.
pub(super) fn pmset(call: &Call<'_>) -> Reply {
    match call.words().as_slice() {
        ["-g", "batt" | "ps", ..] => Reply::line(
            "Now drawing from 'AC Power'\n -InternalBattery-0 (id=1234567)\t100%; charged; 0:00 remaining present: true",
        ),
        ["-g", ..] => Reply::line(
            "System-wide power settings:\nCurrently in use:\n sleep                1\n displaysleep         10",
        ),
        _ => Reply::nothing(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Desk;

    #[test]
    fn the_facts_of_the_mac_are_told() {
        let desk = Desk::new();
        assert_eq!(desk.say("sw_vers", &["-productVersion"]).1, "15.5\n");
        assert!(desk.say("sw_vers", &[]).1.contains("BuildVersion:\t\t24F74\n"));
        assert_eq!(desk.say("uname", &["-m"]).1, "arm64\n");
        assert_eq!(desk.say("uname", &["-sr"]).1, "Darwin 24.5.0\n");
        assert_eq!(desk.say("sysctl", &["-n", "hw.optional.arm64"]).1, "1\n");
        assert_eq!(desk.say("sysctl", &["-n", "hw.nothing"]).0, 1);
        assert_eq!(desk.say("sysctl", &["-in", "hw.nothing"]), (0, String::new()));
        assert!(
            desk.say("system_profiler", &["SPHardwareDataType"])
                .1
                .contains("Serial Number (system): C02SIMULATED")
        );
        assert!(
            desk.say("ioreg", &["-rd1", "-c", "IOPlatformExpertDevice"])
                .1
                .contains("\"IOPlatformSerialNumber\" = \"C02SIMULATED\"")
        );
    }

    #[test]
    fn rosetta_is_there_once_it_was_installed() {
        let desk = Desk::new();
        assert_eq!(desk.say("arch", &["-x86_64", "/usr/bin/true"]).0, 1);
        assert_eq!(desk.say("pgrep", &["-q", "oahd"]).0, 1);
        assert_eq!(desk.say("softwareupdate", &["--install-rosetta", "--agree-to-license"]).0, 0);
        assert_eq!(desk.become_words("arch", &["-x86_64", "/usr/bin/true"]), ["/usr/bin/true"]);
        assert_eq!(desk.say("pgrep", &["-q", "oahd"]).0, 0);
    }
}
