//! The table of faults: how each is written and what it does, for whoever asks and for `--help`.

use std::fmt::Write as _;

/// How one kind of fault is written.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its name.
    pub(super) name: &'static str,
    /// How it is written.
    pub(super) usage: &'static str,
    /// What it does.
    pub(super) does: &'static str,
}

const fn kind(name: &'static str, usage: &'static str, does: &'static str) -> Kind {
    Kind { name, usage, does }
}

/// Every kind.
pub(super) const KINDS: [Kind; 12] = [
    kind(
        "status",
        "status=CODE[,retry-after=SECONDS]",
        "the server answers with this status instead of the content",
    ),
    kind("drop", "drop=BYTES", "the server ends the connection after so many bytes"),
    kind("stall", "stall=BYTES[,seconds=SECONDS]", "the server falls silent after so many bytes"),
    kind("throttle", "throttle=BYTES", "the server sends so many bytes in a second"),
    kind("corrupt", "corrupt[=BYTE]", "the server sends this byte wrong, or the one in the middle"),
    kind("no-range", "no-range", "the server sends everything, whatever range was asked for"),
    kind("hang", "hang[=SECONDS]@ITEM", "a script of root or of a package does nothing for so long (60)"),
    kind("network-away", "network-away=SECONDS[@WHEN]", "there is no network for so long"),
    kind("logout", "logout[=SECONDS]@WHEN", "the user logs out, and is back after so long, or never"),
    kind("kill-agent", "kill-agent@WHEN", "the agent is killed; launchd starts it again"),
    kind("kill-iasd", "kill-iasd@WHEN", "iasd is killed as by a power cut, and started again"),
    kind(
        "disk-full",
        "disk-full=SECONDS[@WHEN]",
        "no download, journal or package can be written for so long",
    ),
];

/// Every kind in lines, for people.
#[must_use]
pub fn listing() -> String {
    let width = KINDS.iter().map(|kind| kind.usage.len()).max().unwrap_or_default();
    let mut text = String::from("Faults for --fault KIND[=VALUE][,OPTION=VALUE][@WHERE]:\n");
    for Kind { usage, does, .. } in &KINDS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {usage:width$}  {does}");
    }
    text.push_str(NOTES);
    text
}

const NOTES: &str = "\
Those of the server take `times=COUNT|always` (1; throttle and no-range: always) and @ITEM, or @ and the end of a URL;
without it each URL gets its share. Several for one URL come one after another, as they are listed.
ITEM is a name or PHASE[INDEX]. WHEN is a number of seconds after the start, or an instant as --power-cut has them:
`[before|torn|after] EVENT [PHASE[INDEX]]` or `bytes PHASE[INDEX] NUMBER`.";
