//! The keys of titles and applications: what is wished for, and where an application goes (T9–T12).

use super::{
    Entry, choice,
    content::digest,
    entry::Examination,
    raw::Json,
    table::KEYS,
    word::{self, Coerced, Problem, quoted},
};
use crate::{
    event::Listed,
    item::{AppTarget, Item, ItemKind, Phase, Wanted, Wish},
    layout::MacPath,
};
use std::time::Duration;

/// Keys that say where content is, which catalogs say of a title (T11); each with what to do instead.
pub const FOREIGN: [(&str, &str); 8] = [
    ("url", "remove it: the catalog says where the title is"),
    ("urls", "remove it: the catalog says where the title is"),
    ("packageid", "remove it: the catalog says how to tell that the title is there"),
    ("pkg_required", "write \"reinstall\": true to install what is there already"),
    ("required", "write \"reinstall\": true to install what is there already"),
    ("team_ids", "remove it: the digest in the catalog is what ties the title to its publisher"),
    ("username", "remove it: the settings say how the repository is asked"),
    ("additional_headers", "remove it: the settings say how the repository is asked"),
];
/// More catalogs are surely a mistake.
const MOST_CATALOGS: usize = 16;
/// Longer names are surely a mistake, in bytes.
const LONGEST: usize = 255;

impl Examination<'_, '_> {
    /// An entry whose type is `title`.
    pub(super) fn read_title(&mut self) -> Entry {
        let fail_policy = self.take("fail_policy", choice::fail_policy).unwrap_or_default();
        for (key, hint) in FOREIGN {
            if self.has(key) {
                self.tell(key, Problem::error("a title cannot have it").hint(hint));
            }
        }
        if self.has("ensure") {
            let problem = Problem::error("titles can be installed, not removed");
            self.tell("ensure", problem.hint("remove the key"));
        }
        let title = self.need("title", word::text).and_then(|title| self.usable(title));
        let wish = title.map(|title| self.read_wish(title));
        let skip_if = self.take("skip_if", choice::skip_if).unwrap_or_default();
        let retry = self.read_retry_keys(true);
        let group = self.take("parallel_group", choice::parallel_group);
        let timeout = self.take("timeout", word::whole_number).unwrap_or_default();
        let donotwait = self.take("donotwait", word::boolean).unwrap_or_default();
        let listed = Listed {
            id: self.id,
            name: self.name.clone().unwrap_or_else(|| "?".to_owned()),
            kind: Some(ItemKind::Title),
            fail_policy,
            fingerprint: None,
        };
        // Its content comes from the repository; this is where it would be if nothing better were known of it.
        let place = format!("titles/{}-{}", self.id.phase, self.id.index);
        let file = self.context.install_path.join(&place);
        match (wish, file, self.refusals.is_empty()) {
            (Some(wish), Ok(file), true) => Entry::Item(Box::new(Item {
                id: self.id,
                name: listed.name,
                kind: ItemKind::Title,
                file,
                source: None,
                mirrors: Vec::new(),
                hash: None,
                receipt: None,
                team_ids: Vec::new(),
                always_install: wish.reinstall,
                skip_if,
                retry,
                donotwait,
                fail_policy,
                group,
                timeout: (timeout > 0).then(|| Duration::from_secs(timeout.into())),
                app: None,
                wish: Some(wish),
            })),
            _ => Entry::Malformed(listed, self.refusals.join("; ")),
        }
    }

    /// Names become parts of paths and of URLs.
    fn usable(&mut self, title: String) -> Option<String> {
        let text = match title.trim() {
            "" => "empty: no title has this name",
            _ if title.len() > LONGEST => "longer than any title's name",
            _ if title.chars().any(char::is_control) => "has a control character in it",
            _ => return Some(title),
        };
        self.tell("title", Problem::error(text));
        None
    }

    fn read_wish(&mut self, title: String) -> Wish {
        let version = match self.take("version", word::version) {
            Some(version) if !version.trim().eq_ignore_ascii_case("latest") => Wanted::Exactly(version),
            _ => Wanted::Latest,
        };
        let hash = self.take("hash", digest);
        if hash.is_some() && version == Wanted::Latest {
            let problem = Problem::error("the newest version has another digest tomorrow");
            self.tell("hash", problem.hint("remove it, or name the version: \"version\": \"…\""));
        }
        let blocking = self.take("blocking", choice::blocking);
        if blocking.is_some() && self.id.phase == Phase::SetupAssistant {
            self.idle("blocking", "nobody has applications open in setupassistant");
        }
        Wish {
            title,
            catalogs: self.take("catalog", catalogs).unwrap_or_default(),
            version,
            hash,
            reinstall: self.take("reinstall", word::boolean).unwrap_or_default(),
            updates: self.take("updates", word::boolean).unwrap_or(true),
            confirm: self.take("confirm", word::boolean).unwrap_or(true),
            blocking: blocking.unwrap_or_default(),
        }
    }

    /// `app` and `version`: where an application is put, and from which version on one that is there is enough.
    pub(super) fn read_app(&mut self) -> Option<AppTarget> {
        let text = self.need("app", word::text)?;
        let path = if text.starts_with('/') { MacPath::new(&text) } else { applications().join(&text) };
        let hint = "write \"Name.app\" for /Applications/Name.app, or a whole path";
        let path = match path {
            Err(why) => Err(why.to_string()),
            Ok(path) if text.chars().any(char::is_control) => {
                Err(format!("{} has a control character in it", quoted(path.as_str())))
            }
            Ok(path) if !is_app(&path) => Err(format!("{} is not an application", quoted(&text))),
            Ok(path) if belongs_to_the_system(&path) => {
                Err(format!("{} belongs to macOS", quoted(path.as_str())))
            }
            Ok(path) => Ok(path),
        };
        match path {
            Ok(path) => Some(AppTarget { path, version: self.take("version", word::version) }),
            Err(text) => {
                self.tell("app", Problem::error(text).hint(hint));
                None
            }
        }
    }
}

/// Warns of keys that mean something for titles or for applications only.
pub(super) fn warn_of_idle_keys(item: &mut Examination<'_, '_>, kind: ItemKind) {
    let of_titles = KEYS.iter().filter(|key| *key.kinds == [ItemKind::Title]);
    for key in of_titles {
        if item.has(key.name) {
            item.idle(key.name, "it means something for titles only");
        }
    }
    if kind != ItemKind::App && item.has("app") {
        item.idle("app", "it means something for apps only");
    }
}

/// `catalog`: one name or several.
fn catalogs(json: &Json<'_>) -> Coerced<Vec<String>> {
    const EXPECTED: &str = "text or an array of texts";
    let texts = match json {
        Json::Text(text) => vec![text.clone()],
        Json::Array(elements) => {
            let texts = elements.iter().map(|element| match element.open() {
                Json::Text(text) => Ok(text),
                other => Err(other.noun()),
            });
            match texts.collect::<Result<Vec<_>, _>>() {
                Ok(texts) => texts,
                Err(noun) => {
                    let text = format!("expected {EXPECTED}, found an array with {noun}");
                    return Coerced::without(Problem::error(text));
                }
            }
        }
        other => return Coerced::without(word::unexpected(EXPECTED, other)),
    };
    if texts.is_empty() || texts.len() > MOST_CATALOGS {
        let text = format!("{} catalogs; expected 1 to {MOST_CATALOGS}", texts.len());
        return Coerced::without(Problem::error(text).hint("remove the key to use those of the settings"));
    }
    match texts.iter().find(|text| !is_catalog_name(text)) {
        Some(bad) => {
            Coerced::without(Problem::error(format!("{} is not the name of a catalog", quoted(bad))))
        }
        None => Coerced::exact(texts),
    }
}

/// The name of a file in the repository: never a way out of it (T17).
fn is_catalog_name(text: &str) -> bool {
    let plain = !text.is_empty() && text.len() <= LONGEST && !text.contains(['/', '\\']);
    plain && text != "." && text != ".." && !text.chars().any(char::is_control)
}

fn applications() -> MacPath {
    MacPath::of("/Applications")
}

fn is_app(path: &MacPath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    name.len() > ".app".len() && name.ends_with(".app")
}

fn belongs_to_the_system(path: &MacPath) -> bool {
    path.as_str().split('/').nth(1).is_some_and(|first| first.eq_ignore_ascii_case("System"))
}
