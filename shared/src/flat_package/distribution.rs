//! `Distribution`, the description of a product package; read tolerantly (P2, section 3 of the platform spec).

use super::xml::{Element, XmlError, boolean};
use crate::version;

/// Deeper than this no outline goes.
const DEEPEST_LINE: usize = 32;

/// What a product package says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Title, possibly a key into the localised strings.
    pub title: Option<String>,
    /// Identifier of the product, which is not the one of its receipts.
    pub product_id: Option<String>,
    /// Version of the product.
    pub product_version: Option<String>,
    /// `hostArchitectures`; empty when it names none, which macOS takes for Intel.
    pub architectures: Vec<String>,
    /// Systems it allows; one match is enough.
    pub systems: Vec<SystemRange>,
    /// Whether a script may refuse the Mac or the volume.
    pub has_check_scripts: bool,
    /// Packages, in order of their first mention.
    pub packages: Vec<PkgRef>,
    /// What can be chosen.
    pub choices: Vec<Choice>,
    /// Choices in the order they are offered and installed in, parents before children; `None` without an outline.
    pub outline: Option<Vec<String>>,
}

/// Systems from `min` on and before `before`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemRange {
    /// First system allowed.
    pub min: Option<String>,
    /// First system not allowed any more.
    pub before: Option<String>,
}

/// A package the product refers to; everything the document says about one id put together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PkgRef {
    /// Its id, by which choices name it.
    pub id: String,
    /// Its version.
    pub version: Option<String>,
    /// Where its packages are, such as `#Name.pkg`.
    pub references: Vec<String>,
    /// Kilobytes it takes once installed.
    pub install_kbytes: Option<u64>,
    /// What is to happen afterwards, such as `RequireRestart`.
    pub on_conclusion: Option<String>,
    /// A condition on installing it at all.
    pub active: Condition,
}

/// Something that can be chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub id: String,
    /// Its title, possibly a key into the localised strings.
    pub title: Option<String>,
    /// Whether the user sees it.
    pub visible: Condition,
    /// Whether it is chosen unless the user decides otherwise.
    pub selected: Condition,
    /// Ids of the packages it installs.
    pub packages: Vec<String>,
}

/// A condition of a distribution, which may be a JavaScript expression; we evaluate literals only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// True, or not mentioned.
    #[default]
    Yes,
    /// False.
    No,
    /// Whatever this expression gives on the Mac; taken for true.
    Script(String),
}

impl Condition {
    fn of(expression: Option<&str>) -> Self {
        let Some(expression) = expression.map(str::trim).filter(|text| !text.is_empty()) else {
            return Self::Yes;
        };
        let (negated, word) = match expression.strip_prefix('!') {
            Some(word) => (true, word.trim()),
            None => (false, expression),
        };
        match boolean(word) {
            Some(value) if value != negated => Self::Yes,
            Some(_) => Self::No,
            None => Self::Script(expression.to_owned()),
        }
    }

    /// Both conditions together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Script(expression), _) | (_, Self::Script(expression)) => Self::Script(expression.clone()),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    /// Whether it counts as true.
    #[must_use]
    pub fn holds(&self) -> bool {
        *self != Self::No
    }
}

impl Distribution {
    /// Reads a `Distribution` document.
    ///
    /// # Errors
    /// It is not XML.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let root = Element::parse(document)?;
        let mut distribution = Self {
            title: root.first("title").map(|title| title.text.clone()).filter(|title| !title.is_empty()),
            outline: outline(&root),
            ..Self::default()
        };
        if let Some(product) = root.first("product") {
            distribution.product_id = product.attribute("id").map(str::to_owned);
            distribution.product_version = product.attribute("version").map(str::to_owned);
        }
        distribution.visit(&root);
        Ok(distribution)
    }

    /// The oldest system it allows.
    #[must_use]
    pub fn minimum_system(&self) -> Option<&str> {
        let minimums = self.systems.iter().filter_map(|range| range.min.as_deref());
        minimums.min_by(|a, b| version::compare(a, b))
    }

    /// The package reference with this id.
    #[must_use]
    pub fn package(&self, id: &str) -> Option<&PkgRef> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// The choices that are offered, in the order of the outline; all of them when there is no outline.
    pub fn offered(&self) -> impl Iterator<Item = &Choice> {
        let ids: Vec<&str> = match &self.outline {
            Some(outline) => outline.iter().map(String::as_str).collect(),
            None => self.choices.iter().map(|choice| choice.id.as_str()).collect(),
        };
        ids.into_iter().filter_map(|id| self.choices.iter().find(|choice| choice.id == id))
    }

    /// Takes up everything that may stand at any depth.
    fn visit(&mut self, element: &Element) {
        for child in &element.children {
            match child.tag.name.as_str() {
                "options" => {
                    let words =
                        child.attribute("hostArchitectures").unwrap_or_default().split(',').map(str::trim);
                    self.architectures.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
                }
                "os-version" => self.systems.push(SystemRange {
                    min: child.attribute("min").map(str::to_owned),
                    before: child.attribute("before").map(str::to_owned),
                }),
                "volume-check" | "installation-check" => {
                    self.has_check_scripts |=
                        child.attribute("script").is_some_and(|script| boolean(script).is_none());
                }
                "pkg-ref" => self.refer(child),
                "choice" => self.choices.push(choice(child)),
                _ => {}
            }
            self.visit(child);
        }
    }

    /// Adds what one `pkg-ref` element says to what others said about the same id.
    fn refer(&mut self, element: &Element) {
        let id = element.attribute("id").unwrap_or_default();
        let known = self.packages.iter().position(|package| package.id == id);
        let index = known.unwrap_or_else(|| {
            self.packages.push(PkgRef { id: id.to_owned(), ..PkgRef::default() });
            self.packages.len() - 1
        });
        let Some(package) = self.packages.get_mut(index) else { return };
        let fill = |slot: &mut Option<String>, name: &str| {
            if slot.is_none() {
                *slot = element.attribute(name).filter(|value| !value.is_empty()).map(str::to_owned);
            }
        };
        fill(&mut package.version, "version");
        fill(&mut package.on_conclusion, "onConclusion");
        if let Some(size) = element.attribute("installKBytes").and_then(|text| text.trim().parse().ok()) {
            package.install_kbytes = Some(size);
        }
        if element.attribute("active").is_some() {
            package.active = Condition::of(element.attribute("active"));
        }
        if !element.text.is_empty() && !package.references.contains(&element.text) {
            package.references.push(element.text.clone());
        }
    }
}

fn choice(element: &Element) -> Choice {
    let condition = |start: &str, now: &str| match element.attribute(now) {
        Some(expression) => Condition::of(Some(expression)),
        None => Condition::of(element.attribute(start)),
    };
    Choice {
        id: element.attribute("id").unwrap_or_default().to_owned(),
        title: element.attribute("title").filter(|title| !title.is_empty()).map(str::to_owned),
        visible: condition("start_visible", "visible"),
        selected: condition("start_selected", "selected"),
        packages: element
            .all("pkg-ref")
            .filter_map(|package| package.attribute("id").map(str::to_owned))
            .collect(),
    }
}

/// The outline for the Installer: there may be another one for Software Update.
fn outline(root: &Element) -> Option<Vec<String>> {
    let mut outlines = root.all("choices-outline");
    let for_installer = outlines.find(|outline| outline.attribute("ui").is_none_or(|ui| ui == "Installer"));
    let mut ids = Vec::new();
    lines(for_installer.or_else(|| root.first("choices-outline"))?, &mut ids, 0);
    Some(ids)
}

fn lines(element: &Element, ids: &mut Vec<String>, depth: usize) {
    for line in element.all("line").filter(|_| depth < DEEPEST_LINE) {
        let id = line.attribute("choice").unwrap_or_default();
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
        lines(line, ids, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCT: &[u8] = br##"<?xml version="1.0"?>
        <installer-gui-script minSpecVersion="1.0"><title>T</title><product id="p" version="2"/><futuristic/>
        <options hostArchitectures="x86_64, arm64" allow-external-scripts="no"/>
        <volume-check><allowed-os-versions><os-version min="11.0"/><os-version min="10.15.7" before="10.16"/></allowed-os-versions></volume-check>
        <choices-outline ui="SoftwareUpdate"><line choice="su"/></choices-outline>
        <choices-outline><line choice="all"><line choice="b"/><line choice="a"/></line><line choice="c"/></choices-outline>
        <choice id="a" start_selected="false"><pkg-ref id="pa"/></choice>
        <choice id="b" visible="false"><pkg-ref id="pb"/></choice>
        <choice id="c" selected="my.target.systemVersion &gt; 1"><pkg-ref id="pc" active="no"/></choice>
        <choice id="all"/><choice id="orphan"><pkg-ref id="px"/></choice>
        <pkg-ref id="pa" version="1">#a.pkg</pkg-ref><pkg-ref id="pa" installKBytes="7" onConclusion="RequireRestart"/>
        <pkg-ref id="pb">#b%20b.pkg</pkg-ref></installer-gui-script>"##;

    #[test]
    fn p2_every_spelling_in_the_wild_is_read() {
        let product = Distribution::parse(PRODUCT).unwrap();
        assert_eq!(product.architectures, ["x86_64", "arm64"]);
        assert_eq!(product.minimum_system(), Some("10.15.7"));
        assert!(!product.has_check_scripts);
        assert_eq!(
            (product.product_id.as_deref(), product.product_version.as_deref()),
            (Some("p"), Some("2"))
        );
        let a = product.package("pa").unwrap();
        assert_eq!((a.version.as_deref(), a.install_kbytes), (Some("1"), Some(7)));
        assert_eq!(
            (a.references.as_slice(), a.on_conclusion.as_deref()),
            (["#a.pkg".to_owned()].as_slice(), Some("RequireRestart"))
        );
        assert_eq!(product.package("pc").unwrap().active, Condition::No);
    }

    #[test]
    fn choices_are_offered_in_the_installers_outline_order() {
        let product = Distribution::parse(PRODUCT).unwrap();
        let offered: Vec<_> =
            product.offered().map(|choice| (choice.id.as_str(), choice.selected.clone())).collect();
        let script = Condition::Script("my.target.systemVersion > 1".into());
        assert_eq!(
            offered,
            [("all", Condition::Yes), ("b", Condition::Yes), ("a", Condition::No), ("c", script)]
        );
    }

    #[test]
    fn only_literal_conditions_are_evaluated() {
        for (expression, condition) in [
            (None, Condition::Yes),
            (Some(""), Condition::Yes),
            (Some("true"), Condition::Yes),
            (Some("no"), Condition::No),
            (Some("!true"), Condition::No),
            (Some("! false"), Condition::Yes),
            (Some("f()"), Condition::Script("f()".into())),
        ] {
            assert_eq!(Condition::of(expression), condition, "{expression:?}");
        }
    }
}
