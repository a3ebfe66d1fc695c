//! What the user of a Mac reads while it is set up, in their language: one table.
//!
//! Whoever adds a language adds a column; a test holds that no sentence is missing and that each has its placeholders.

use crate::item::ItemKind;

/// A language the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Japanese.
    Japanese,
    /// Czech.
    Czech,
}

impl Language {
    /// All languages, in the order of the table's columns.
    pub const ALL: [Self; 6] =
        [Self::English, Self::German, Self::French, Self::Spanish, Self::Japanese, Self::Czech];

    /// Its code (ISO 639-1).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Japanese => "ja",
            Self::Czech => "cs",
        }
    }

    /// The language of a code, also of one with a region, such as `de_CH` or `fr-CA`.
    #[must_use]
    pub fn named(code: &str) -> Option<Self> {
        let own = code.split(['-', '_', '.']).next()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| language.code() == own)
    }
}

/// A sentence for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentence {
    /// The title of the window.
    Title,
    /// What it is about.
    Message,
    /// Nothing was done for an item yet.
    Waits,
    /// Its turn has come, its content is still on its way.
    Downloads,
    /// A package, a title, an application.
    Installs,
    /// A script.
    Runs,
    /// A file.
    Places,
    /// It is in place.
    Done,
    /// It was there already.
    There,
    /// It is not for this Mac.
    Skipped,
    /// It failed.
    Failed,
    /// How far it is: `{done}` and `{all}`.
    Progress,
    /// The run is over and went well.
    Ready,
    /// The run is over and something is missing.
    Missing,
    /// It goes on later: there is no network, a server is down.
    Later,
}

/// The sentences, each in the languages of [`Language::ALL`].
const TABLE: [(Sentence, [&str; 6]); 15] = [
    (
        Sentence::Title,
        [
            "Setting up your Mac",
            "Dein Mac wird eingerichtet",
            "Configuration de votre Mac",
            "Configurando tu Mac",
            "Macを設定しています",
            "Nastavujeme váš Mac",
        ],
    ),
    (
        Sentence::Message,
        [
            "Please leave your Mac switched on and connected to the network.",
            "Bitte lass deinen Mac eingeschaltet und mit dem Netz verbunden.",
            "Laissez votre Mac allumé et connecté au réseau.",
            "Deja tu Mac encendido y conectado a la red.",
            "Macの電源を切らず、ネットワークに接続したままにしてください。",
            "Nechte prosím svůj Mac zapnutý a připojený k síti.",
        ],
    ),
    (Sentence::Waits, ["Waiting", "Wartet", "En attente", "En espera", "待機中", "Čeká"]),
    (
        Sentence::Downloads,
        ["Downloading", "Wird geladen", "Téléchargement", "Descargando", "ダウンロード中", "Stahuje se"],
    ),
    (
        Sentence::Installs,
        ["Installing", "Wird installiert", "Installation", "Instalando", "インストール中", "Instaluje se"],
    ),
    (
        Sentence::Runs,
        ["Configuring", "Wird eingerichtet", "Configuration", "Configurando", "設定中", "Nastavuje se"],
    ),
    (Sentence::Places, ["Copying", "Wird kopiert", "Copie", "Copiando", "コピー中", "Kopíruje se"]),
    (Sentence::Done, ["Done", "Fertig", "Terminé", "Listo", "完了", "Hotovo"]),
    (
        Sentence::There,
        [
            "Already installed",
            "Schon vorhanden",
            "Déjà installé",
            "Ya instalado",
            "インストール済み",
            "Už nainstalováno",
        ],
    ),
    (
        Sentence::Skipped,
        ["Not needed", "Nicht nötig", "Non nécessaire", "No es necesario", "不要", "Není potřeba"],
    ),
    (Sentence::Failed, ["Failed", "Fehlgeschlagen", "Échec", "Error", "失敗", "Nezdařilo se"]),
    (
        Sentence::Progress,
        [
            "{done} of {all} done",
            "{done} von {all} fertig",
            "{done} sur {all} terminés",
            "{done} de {all} listos",
            "{all}件中{done}件完了",
            "Hotovo {done} z {all}",
        ],
    ),
    (
        Sentence::Ready,
        [
            "Your Mac is ready.",
            "Dein Mac ist bereit.",
            "Votre Mac est prêt.",
            "Tu Mac está listo.",
            "Macの準備ができました。",
            "Váš Mac je připraven.",
        ],
    ),
    (
        Sentence::Missing,
        [
            "Something could not be set up. Please contact your help desk.",
            "Etwas konnte nicht eingerichtet werden. Bitte wende dich an deinen Helpdesk.",
            "Un élément n’a pas pu être configuré. Contactez votre service d’assistance.",
            "Algo no se pudo configurar. Ponte en contacto con el servicio de asistencia.",
            "設定できなかった項目があります。ヘルプデスクにお問い合わせください。",
            "Něco se nepodařilo nastavit. Obraťte se prosím na podporu.",
        ],
    ),
    (
        Sentence::Later,
        [
            "This will go on as soon as it can.",
            "Es geht weiter, sobald es möglich ist.",
            "La configuration reprendra dès que possible.",
            "Continuará en cuanto sea posible.",
            "可能になり次第、続行します。",
            "Bude to pokračovat, jakmile to půjde.",
        ],
    ),
];

/// A sentence in a language.
#[must_use]
pub fn say(language: Language, sentence: Sentence) -> &'static str {
    let column = Language::ALL.iter().position(|known| *known == language).unwrap_or_default();
    let row = TABLE.iter().find(|(known, _)| *known == sentence);
    row.and_then(|(_, words)| words.get(column)).copied().unwrap_or_default()
}

/// How far a run is.
#[must_use]
pub fn progress(language: Language, done: usize, all: usize) -> String {
    let text = say(language, Sentence::Progress);
    text.replace("{done}", &done.to_string()).replace("{all}", &all.to_string())
}

/// What happens while an item of this kind is carried out.
#[must_use]
pub fn carrying_out(kind: Option<ItemKind>) -> Sentence {
    match kind {
        Some(ItemKind::Package | ItemKind::App | ItemKind::Title) => Sentence::Installs,
        Some(ItemKind::RootScript | ItemKind::UserScript) | None => Sentence::Runs,
        Some(ItemKind::RootFile | ItemKind::UserFile) => Sentence::Places,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_sentence_with_its_placeholders() {
        for (sentence, words) in TABLE {
            for (language, text) in Language::ALL.into_iter().zip(words) {
                assert_eq!(say(language, sentence), text);
                assert!(!text.trim().is_empty() && !text.contains('\n'), "{sentence:?} {language:?}");
                for placeholder in ["{done}", "{all}"] {
                    let expected = words[0].contains(placeholder);
                    assert_eq!(text.contains(placeholder), expected, "{sentence:?} {language:?}");
                }
            }
        }
        assert_eq!(progress(Language::Japanese, 3, 12), "12件中3件完了");
    }

    #[test]
    fn a_language_is_known_by_its_code_also_with_a_region() {
        assert_eq!(Language::named("de_CH.UTF-8"), Some(Language::German));
        assert_eq!(Language::named("FR-ca"), Some(Language::French));
        assert_eq!((Language::named("tlh"), Language::named("")), (None, None));
        for language in Language::ALL {
            assert_eq!(Language::named(language.code()), Some(language));
        }
    }
}
