//! `ioreg`: which computer this is (T53).

use super::tools::{Request, Tools};
use crate::host::HostError;
use shared::sys::tools::IOREG;

/// Asks for the properties of the platform and nothing below it.
pub(super) fn platform() -> Request {
    Request::new(IOREG, ["-rd1", "-c", "IOPlatformExpertDevice"])
}

/// The hardware UUID in the answer: a line such as `"IOPlatformUUID" = "4C4C4544-…"`.
pub(super) fn hardware_uuid(answer: &str) -> Option<String> {
    let named = |line: &str| {
        let value = line.trim().strip_prefix("\"IOPlatformUUID\"")?.trim_start().strip_prefix('=')?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    answer.lines().find_map(named).filter(|uuid| is_uuid(uuid))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// The hardware UUID of this Mac.
///
/// # Errors
/// When `ioreg` does not say.
pub(super) async fn uuid(tools: &Tools) -> Result<String, HostError> {
    let request = platform();
    let answer = tools.text(&request).await?;
    hardware_uuid(&answer)
        .ok_or_else(|| HostError { what: request.what(), why: "it names no IOPlatformUUID".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t53_the_exact_call_and_its_answer() {
        let request = platform();
        let arguments = ["-rd1", "-c", "IOPlatformExpertDevice"].map(Into::into);
        assert_eq!((request.tool, request.arguments), ("/usr/sbin/ioreg", arguments.to_vec()));
        let answer = "+-o J274AP  <class IOPlatformExpertDevice, id 0x10000022f, registered, matched>\n    {\n      \
            \"IOPolledInterface\" = \"AppleARMWatchdogTimerHibernateHandler is not serializable\"\n      \
            \"IOPlatformUUID\" = \"4C4C4544-0044-4A10-8053-B7C04F4E3132\"\n      \"model\" = <\"Macmini9,1\">\n    }\n";
        assert_eq!(hardware_uuid(answer).as_deref(), Some("4C4C4544-0044-4A10-8053-B7C04F4E3132"));
        for answer in
            ["", "\"IOPlatformUUID\" = \"\"", "\"IOPlatformUUID\" = \"4C4C4544\n\"", "IOPlatformUUID"]
        {
            assert_eq!(hardware_uuid(answer), None, "{answer}");
        }
    }
}
