//! `scutil`: whether the system knows a way to the rest of the world (R47).

use super::tools::Request;
use shared::sys::tools::SCUTIL;

/// Asks for the state of the network.
pub(super) fn network() -> Request {
    Request::new(SCUTIL, ["--nwi"])
}

/// Whether the answer says that no network is up, in IPv4 or IPv6.
///
/// The option is not documented, so only this exact news counts: a run that wrongly takes itself for offline would
/// wait for ever, one that wrongly takes itself for online fails an attempt and tries again.
pub(super) fn says_down(answer: &str) -> bool {
    let says = |news: &str| answer.lines().any(|line| line.trim() == news);
    says("No network information") || (says("No IPv4 states found") && says("No IPv6 states found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Forms: https://github.com/DanMcInerney/net-creds/pull/6, and Apple's configd (`nwi/network_state_information_logging.h`).
    const WIFI: &str = "Network information\n\nIPv4 network interface information\n     en0 : flags      : 0x5 (IPv4,DNS)\n           \
        address    : 192.168.68.106\n           reach      : 0x00000002 (Reachable)\n\n   REACH : flags 0x00000002 (Reachable)\n\n\
        IPv6 network interface information\n   No IPv6 states found\n\n\n   REACH : flags 0x00000000 (Not Reachable)\n\nNetwork interfaces: en0\n";
    const NOTHING: &str = "Network information\n\nIPv4 network interface information\n   No IPv4 states found\n\n\n   \
        REACH : flags 0x00000000 (Not Reachable)\n\nIPv6 network interface information\n   No IPv6 states found\n\n\n   \
        REACH : flags 0x00000000 (Not Reachable)\n\nNetwork interfaces:\n";

    #[test]
    fn r47_only_clear_news_is_an_outage() {
        assert_eq!(network().arguments, ["--nwi"]);
        assert!(!says_down(WIFI));
        assert!(says_down(NOTHING));
        assert!(says_down("No network information\n"));
        assert!(!says_down(""));
        assert!(!says_down("usage: scutil\n"));
    }

    #[test]
    fn r47_a_network_of_one_kind_is_enough() {
        assert!(!says_down(&NOTHING.replace("No IPv6 states found", "en0 : flags : 0xd (IPv6,DNS)")));
    }
}
