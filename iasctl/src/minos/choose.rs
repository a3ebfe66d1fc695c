//! Which version a Mac must be told to install, so that it finds it (T105, T106, T111); pure.

use serde::Deserialize;
use std::{cmp::Ordering, fmt, str::FromStr};

/// What Apple says can be installed. Unknown keys and platforms are none of our business (T105).
#[derive(Debug, Deserialize)]
pub(super) struct Lists {
    /// What Macs see that are not managed, such as those in Setup Assistant (T106).
    #[serde(rename = "PublicAssetSets")]
    public: Platforms,
    /// What managed Macs see.
    #[serde(rename = "AssetSets", default)]
    managed: Platforms,
}

#[derive(Debug, Default, Deserialize)]
struct Platforms {
    #[serde(rename = "macOS", default)]
    mac: Vec<Asset>,
}

#[derive(Debug, Deserialize)]
struct Asset {
    #[serde(rename = "ProductVersion")]
    version: String,
    #[serde(rename = "ExpirationDate", default)]
    expires: String,
    #[serde(rename = "SupportedDevices", default)]
    boards: Vec<String>,
}

/// A version of macOS, with its supplement: numerically per part; none < `(a)` < `(b)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    parts: Vec<u32>,
    supplement: String,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no version such as 14.3 or 16.1 (a)");
        let (numbers, supplement) = match text.trim().split_once('(') {
            Some((numbers, rest)) => (numbers.trim(), rest.strip_suffix(')').ok_or_else(wrong)?.trim()),
            None => (text.trim(), ""),
        };
        let parts: Result<Vec<u32>, _> = numbers.split('.').map(str::parse).collect();
        Ok(Self { parts: parts.map_err(|_| wrong())?, supplement: supplement.to_ascii_lowercase() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))?;
        if self.supplement.is_empty() { Ok(()) } else { write!(f, " ({})", self.supplement) }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.parts.len().max(other.parts.len());
        let part = |version: &Self, at: usize| version.parts.get(at).copied().unwrap_or_default();
        let numbers = (0..longest).map(|at| part(self, at).cmp(&part(other, at))).find(|order| order.is_ne());
        numbers.unwrap_or_else(|| self.supplement.cmp(&other.supplement))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Version {
    fn major(&self) -> u32 {
        self.parts.first().copied().unwrap_or_default()
    }
}

/// The least that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Minimum {
    /// This version, or a newer one.
    AtLeast(Version),
    /// The newest there is.
    Latest,
}

impl FromStr for Minimum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("latest") { Ok(Self::Latest) } else { text.parse().map(Self::AtLeast) }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) minimum: Minimum,
    /// The board's name, such as `J274AP` (T107).
    pub(super) board: String,
    pub(super) installed: Option<Version>,
    /// Whether a newer major version will do where the wanted one has nothing.
    pub(super) major_upgrades: bool,
    /// `YYYY-MM-DD`, in UTC.
    pub(super) today: String,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The Mac must be told to install this; the reason.
    Install(Version, String),
    /// It is new enough.
    Nothing(String),
    /// No answer would help: a Mac that is told of a version it cannot find tries for ever (T111).
    Impossible(String),
}

/// Chooses (T111); whether the Mac can be asked at all is for the server to see.
pub(super) fn choose(wish: &Wish, lists: &Lists) -> Answer {
    let wanted = match (&wish.minimum, &wish.installed) {
        (Minimum::AtLeast(wanted), Some(installed)) if installed >= wanted => {
            return Answer::Nothing(format!("{installed} is not older than {wanted}"));
        }
        (Minimum::AtLeast(wanted), _) => Some(wanted),
        (Minimum::Latest, _) => None,
    };
    let mac = &lists.public.mac;
    if !mac.iter().any(|asset| asset.is_for(&wish.board)) {
        return Answer::Impossible(format!("unknown board `{}`: no public version names it", wish.board));
    }
    let mut possible: Vec<Version> = mac
        .iter()
        .filter(|asset| asset.is_for(&wish.board) && asset.expires.as_str() >= wish.today.as_str())
        .filter_map(|asset| asset.version.parse().ok())
        .collect();
    possible.sort();
    let target = match wanted {
        None => possible.last(),
        Some(wanted) => {
            let own = possible.iter().rev().find(|version| version.major() == wanted.major());
            let newer = || {
                let later = possible.iter().find(|version| version.major() > wanted.major())?.major();
                possible.iter().rev().find(|version| version.major() == later)
            };
            own.filter(|version| *version >= wanted).or_else(|| wish.major_upgrades.then(newer).flatten())
        }
    };
    let least = wanted.map_or("the latest".to_owned(), |wanted| format!("{wanted} or newer"));
    match (target, &wish.installed) {
        (None, _) => {
            Answer::Impossible(format!("no installable version: {least} is wanted for {}", wish.board))
        }
        (Some(target), Some(installed)) if target <= installed => {
            let newest = wanted.is_none();
            let text = format!("{installed} is the newest that {} can install", wish.board);
            if newest { Answer::Nothing(text) } else { Answer::Impossible(text) }
        }
        (Some(target), installed) => {
            let why = match (installed, wanted) {
                (Some(installed), Some(wanted)) => format!("{installed} is older than {wanted}"),
                (Some(installed), None) => format!("{installed} is not the latest"),
                (None, _) => format!("{least} is wanted"),
            };
            Answer::Install(target.clone(), why)
        }
    }
}

/// What an admin should know of a fixed minimum: that only managed Macs can install it, or not for long (T114).
pub(super) fn remark(wish: &Wish, lists: &Lists) -> Option<String> {
    let Minimum::AtLeast(wanted) = &wish.minimum else { return None };
    let is_it = |asset: &&Asset| asset.version.parse::<Version>().is_ok_and(|version| version == *wanted);
    let managed = lists.managed.mac.iter().any(|asset| is_it(&asset));
    let public = lists.public.mac.iter().any(|asset| is_it(&asset));
    (managed && !public).then(|| {
        format!("managed Macs can install {wanted}, Macs in Setup Assistant cannot: they are told of the newest public one")
    })
}

impl Asset {
    fn is_for(&self, board: &str) -> bool {
        self.boards.iter().any(|own| own.eq_ignore_ascii_case(board))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of March 2024 (T112).
    fn march() -> Lists {
        serde_json::from_value(serde_json::json!({
            "PublicAssetSets": {
                "macOS": [
                    { "ProductVersion": "13.6.5", "ExpirationDate": "2024-06-20", "SupportedDevices": ["J274AP", "Mac-1"] },
                    { "ProductVersion": "14.4.1", "Build": "23E224", "ExpirationDate": "2024-06-23", "SupportedDevices": ["J274AP"] },
                ],
                "iOS": [{ "unknown": true }],
            },
            "AssetSets": { "macOS": [
                { "ProductVersion": "14.3", "ExpirationDate": "2024-04-22", "SupportedDevices": ["J274AP"] },
                { "ProductVersion": "14.4.1", "SupportedDevices": ["J274AP"] },
            ] },
            "PublicRapidSecurityResponses": {},
        }))
        .unwrap()
    }

    fn wish(minimum: &str, installed: Option<&str>) -> Wish {
        Wish {
            minimum: minimum.parse().unwrap(),
            board: "j274ap".into(),
            installed: installed.map(|version| version.parse().unwrap()),
            major_upgrades: false,
            today: "2024-03-28".into(),
        }
    }

    fn target(wish: &Wish) -> String {
        match choose(wish, &march()) {
            Answer::Install(version, _) => version.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn t112_a_mac_that_is_not_managed_is_told_of_the_newest_public_version_not_of_the_wanted_one() {
        let wanted = wish("14.3", Some("14.2.1"));
        assert_eq!(target(&wanted), "14.4.1");
        assert!(remark(&wanted, &march()).unwrap().contains("Macs in Setup Assistant cannot"));
        assert_eq!(target(&wish("latest", Some("14.2.1"))), "14.4.1");
    }

    #[test]
    fn t111_no_answer_is_given_that_could_not_be_followed() {
        let lists = march();
        let nothing = |wish: &Wish| matches!(choose(wish, &lists), Answer::Nothing(_));
        let impossible = |wish: &Wish| matches!(choose(wish, &lists), Answer::Impossible(_));
        assert!(nothing(&wish("14.3", Some("14.3"))));
        assert!(nothing(&wish("14.3", Some("14.3 (a)"))), "a supplement is newer than none");
        assert!(nothing(&wish("latest", Some("14.4.1"))));
        assert!(impossible(&wish("14.5", Some("14.4.1"))), "nobody can install it yet");
        assert!(impossible(&Wish { board: "Macmini9,1".into(), ..wish("14.3", Some("14.2.1")) }), "T107");
        assert!(impossible(&Wish { today: "2024-07-01".into(), ..wish("14.3", Some("14.2.1")) }), "expired");
        // Intel of 2017: nothing of 14 is for it, and there is no newer major version either.
        assert!(impossible(&Wish {
            board: "Mac-1".into(),
            major_upgrades: true,
            ..wish("14", Some("13.6"))
        }));
        // 13.7 was never public; a newer major version may do.
        assert!(impossible(&wish("13.7", Some("13.6.5"))));
        assert_eq!(target(&Wish { major_upgrades: true, ..wish("13.7", Some("13.6.5")) }), "14.4.1");
    }

    #[test]
    fn t111_versions_are_compared_by_numbers_and_supplements() {
        let ordered = ["9.9", "10", "14.2.1", "14.3", "14.3 (a)", "14.3 (b)", "14.3.1", "14.10"];
        let versions: Vec<Version> = ordered.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        assert_eq!("14".parse::<Version>().unwrap().cmp(&"14.0.0".parse().unwrap()), Ordering::Equal);
        assert!("14.x".parse::<Version>().is_err() && "14 (a".parse::<Version>().is_err());
    }
}
