//! Reads a fault as it is written on a command line or in a scenario.

use super::{Fault, Hang, MacFault, Misdeed, Mishap, ServerFault, When, kinds::KINDS};
use crate::hint::nearest;
use std::str::FromStr;

/// The longest time that can be asked for, in seconds: a year.
const LONGEST: f64 = 365.0 * 86_400.0;
/// How long a script hangs when nothing is said, in seconds.
const HANG: f64 = 60.0;

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, place) = match text.split_once('@') {
            Some((head, place)) => (head, Some(place.trim()).filter(|place| !place.is_empty())),
            None => (text, None),
        };
        let mut words = Words::of(head.trim());
        let kind = KINDS.iter().find(|kind| kind.name == words.kind).ok_or_else(|| words.unknown())?;
        let fault = fault(&mut words, place).and_then(|fault| words.all_taken().map(|()| fault));
        fault.map_err(|why| format!("{text}: {why}; it is written {}", kind.usage))
    }
}

fn fault(words: &mut Words<'_>, place: Option<&str>) -> Result<Fault, String> {
    let mishap = match words.kind {
        "hang" => {
            let seconds = words.value.take().map_or(Ok(HANG), seconds)?;
            let target = place.ok_or("it must say which item hangs")?.to_owned();
            return Ok(Fault::Hang(Hang { seconds, target }));
        }
        "network-away" => Mishap::NetworkAway { seconds: seconds(words.needed()?)? },
        "disk-full" => Mishap::DiskFull { seconds: seconds(words.needed()?)? },
        "logout" => Mishap::Logout { seconds: words.value.take().map(seconds).transpose()? },
        "kill-agent" => Mishap::KillAgent,
        "kill-iasd" => Mishap::KillIasd,
        _ => return server(words, place).map(Fault::Server),
    };
    let from_the_start = matches!(mishap, Mishap::NetworkAway { .. } | Mishap::DiskFull { .. });
    let when = match place {
        Some(place) => when(place)?,
        None if from_the_start => When::Seconds(0.0),
        None => return Err("it must say when".to_owned()),
    };
    Ok(Fault::Mac(MacFault { mishap, when }))
}

fn server(words: &mut Words<'_>, place: Option<&str>) -> Result<ServerFault, String> {
    let misdeed = match words.kind {
        "status" => Misdeed::Status {
            status: status(words.needed()?)?,
            retry_after: words.option("retry-after").map(number).transpose()?,
        },
        "drop" => Misdeed::Drop { after: byte_count(words.needed()?)? },
        "stall" => Misdeed::Stall {
            after: byte_count(words.needed()?)?,
            seconds: words.option("seconds").map(seconds).transpose()?,
        },
        "throttle" => match byte_count(words.needed()?)? {
            0 => return Err("nothing would ever come; `stall` falls silent".to_owned()),
            speed => Misdeed::Throttle { speed },
        },
        "corrupt" => Misdeed::Corrupt { at: words.value.take().map(byte_count).transpose()? },
        _ => Misdeed::NoRange,
    };
    let lasting = matches!(misdeed, Misdeed::Throttle { .. } | Misdeed::NoRange);
    let times = match words.option("times") {
        Some("always") => None,
        Some(times) => match times.parse() {
            Ok(0) | Err(_) => return Err(format!("times={times}: expected a number above 0, or `always`")),
            Ok(times) => Some(times),
        },
        None => (!lasting).then_some(1),
    };
    Ok(ServerFault { misdeed, times, target: place.map(str::to_owned) })
}

fn when(text: &str) -> Result<When, String> {
    if text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | '-' | '+')) {
        return seconds(text).map(When::Seconds);
    }
    text.parse().map(When::Instant)
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.parse().ok().filter(|status| (400..=599).contains(status));
    status.ok_or_else(|| format!("`{text}` is no status of a failure: expected 400 to 599"))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no whole number"))
}

/// A number of seconds, at most a year.
///
/// # Errors
/// When it is none.
pub fn seconds(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    let wanted = || "expected a number of seconds, at most a year".to_owned();
    number.filter(|number| (0.0..=LONGEST).contains(number)).ok_or_else(wanted)
}

/// A number of bytes, such as `500k` or `2M`.
///
/// # Errors
/// When it is none, or too large.
pub fn byte_count(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |number| (number, 1_000_000)),
    };
    let number: u64 = number.parse().map_err(|_| "expected a number of bytes, such as 500k or 2M")?;
    number.checked_mul(unit).ok_or_else(|| "that is more than can be counted".to_owned())
}

/// A fault before its `@`, taken apart.
struct Words<'a> {
    kind: &'a str,
    value: Option<&'a str>,
    options: Vec<(&'a str, &'a str)>,
    /// Options that were asked for.
    known: Vec<&'static str>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = text.split(',');
        let first = parts.next().unwrap_or_default();
        let (kind, value) = first.split_once('=').map_or((first, None), |(kind, value)| (kind, Some(value)));
        let options = parts.map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
        Self { kind, value, options, known: Vec::new() }
    }

    fn unknown(&self) -> String {
        let names = KINDS.iter().map(|kind| kind.name);
        let hint = nearest(self.kind, names.clone()).map(|name| format!(": did you mean `{name}`?"));
        let hint = hint.unwrap_or_else(|| format!("; there are {}", names.collect::<Vec<_>>().join(", ")));
        format!("there is no fault `{}`{hint}", self.kind)
    }

    fn needed(&mut self) -> Result<&'a str, String> {
        self.value.take().filter(|value| !value.is_empty()).ok_or_else(|| "it needs a value".to_owned())
    }

    fn option(&mut self, name: &'static str) -> Option<&'a str> {
        self.known.push(name);
        let at = self.options.iter().position(|(known, _)| *known == name)?;
        Some(self.options.remove(at).1)
    }

    fn all_taken(&self) -> Result<(), String> {
        if let Some(value) = self.value {
            return Err(format!("`{}` takes no value, but has `{value}`", self.kind));
        }
        let Some((name, _)) = self.options.first() else { return Ok(()) };
        let hint = nearest(name, self.known.iter().copied()).map(|name| format!(": did you mean `{name}`?"));
        Err(format!("`{}` has no option `{name}`{}", self.kind, hint.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Fault, String> {
        text.parse()
    }

    #[test]
    fn a_fault_reads_back_as_it_is_written() {
        for (text, whole) in [
            ("status=503", "status=503,times=1"),
            ("status=429,retry-after=2,times=3@Acme Tools", "status=429,retry-after=2,times=3@Acme Tools"),
            ("status=404,times=always@/a.pkg", "status=404,times=always@/a.pkg"),
            ("drop=500k@userland[1]", "drop=500000,times=1@userland[1]"),
            ("stall=0,seconds=1.5", "stall=0,seconds=1.5,times=1"),
            ("throttle=2M", "throttle=2000000,times=always"),
            ("corrupt", "corrupt,times=1"),
            ("corrupt=0@a", "corrupt=0,times=1@a"),
            ("no-range,times=1", "no-range,times=1"),
            ("hang@userland[0]", "hang=60@userland[0]"),
            ("hang=5@me@example.com", "hang=5@me@example.com"),
            ("network-away=5", "network-away=5@0"),
            ("network-away=5@2.5", "network-away=5@2.5"),
            ("logout@item_running userland[1]", "logout@after item_running userland[1]"),
            ("logout=3 @ before item_running", "logout=3@before item_running"),
            ("kill-agent@4", "kill-agent@4"),
            ("kill-iasd@torn item_finished", "kill-iasd@torn item_finished"),
            ("disk-full=2@bytes setupassistant[0] 9", "disk-full=2@bytes setupassistant[0] 9"),
        ] {
            let fault = parse(text).unwrap();
            assert_eq!(fault.to_string(), whole, "{text}");
            assert_eq!(parse(whole).unwrap(), fault, "{text}");
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_way_to_write_it() {
        for (bad, hint) in [
            ("", "there are status, drop"),
            ("statsu=503", "did you mean `status`?"),
            ("noRange", "did you mean `no-range`?"),
            ("status", "it needs a value; it is written status=CODE"),
            ("status=200", "400 to 599"),
            ("status=503,retryafter=1", "did you mean `retry-after`?"),
            ("status=503,times=0", "above 0"),
            ("status=503,retry-after=soon", "whole number"),
            ("drop=-1", "500k"),
            ("drop=18446744073709551615M", "more than can be counted"),
            ("throttle=0", "stall"),
            ("no-range=1", "takes no value"),
            ("hang=5", "which item"),
            ("hang=5@", "which item"),
            ("logout=1", "it must say when"),
            ("kill-iasd", "it must say when"),
            ("kill-iasd@-1", "number of seconds"),
            ("kill-iasd@item_runing", "did you mean `item_running`?"),
            ("kill-agent,times=2@1", "has no option `times`"),
            ("network-away=1e300", "at most a year"),
            ("disk-full@1", "it needs a value"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(hint), "{bad}: {error}");
        }
    }

    #[test]
    fn every_kind_is_listed_and_understood_as_it_is_written() {
        let listing = crate::fault::listing();
        for kind in &KINDS {
            assert!(listing.contains(kind.usage) && kind.usage.starts_with(kind.name), "{}", kind.name);
            let example = ["", "=500"].iter().find_map(|value| {
                ["", "@1", "@item_running"]
                    .iter()
                    .find_map(|place| parse(&format!("{}{value}{place}", kind.name)).ok())
            });
            assert!(example.is_some(), "{}", kind.name);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(status|drop|hang|logout|kill-iasd)?[=,@a-z0-9 .\\[\\]-]{0,30}") {
            if let Ok(fault) = parse(&text) {
                prop_assert_eq!(parse(&fault.to_string()), Ok(fault));
            }
        }
    }
}
