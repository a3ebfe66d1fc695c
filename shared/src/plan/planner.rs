//! From a checked control file and the facts of one Mac to what will be done, in which batches, and what not, with reasons.

use super::{earlier, presence};
use crate::{
    control::{ControlFile, Entry},
    event::{ItemEnd, Listed, Over, SkipReason},
    facts::Facts,
    item::{HashCheckPolicy, Item, ItemKind, Phase, any_of},
    journal::{Past, Repair, unknown_names},
    title::Resolution,
    version,
};
use std::{borrow::Cow, cmp::Ordering, fmt};

/// Items that run together; the next batch starts when every member has ended (R56).
#[derive(Debug, Clone, PartialEq)]
pub struct Batch(pub Vec<Item>);

/// An entry that is decided before its phase begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Which.
    pub listed: Listed,
    /// How: skipped, or failed like a download (R15).
    pub end: ItemEnd,
}

/// One phase, planned.
#[derive(Debug, Clone, PartialEq)]
pub struct PhasePlan {
    /// Which.
    pub phase: Phase,
    /// Entries that were over before this start, in file order (R79).
    pub over: Vec<Settled>,
    /// Entries that need no work, in file order.
    pub settled: Vec<Settled>,
    /// Work, in order. Preflight is one batch whatever its groups say (R48).
    pub batches: Vec<Batch>,
}

impl PhasePlan {
    /// Every item that will be carried out, in file order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.batches.iter().flat_map(|batch| &batch.0)
    }

    /// Whether no work is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether any of its work needs the agent (R62).
    #[must_use]
    pub fn needs_agent(&self) -> bool {
        self.items().any(|item| item.kind.needs_agent())
    }
}

/// What a run will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In execution order.
    pub phases: [PhasePlan; 3],
    /// How preflight was decided before this start, if it was: then it is not decided again (R79).
    pub preflight_passed: Option<bool>,
    /// Names a repair was asked for and no item bears, one line for each: then no item is planned.
    pub unknown: Vec<String>,
}

impl Plan {
    /// One phase.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> &PhasePlan {
        match phase {
            Phase::Preflight => &self.phases[0],
            Phase::SetupAssistant => &self.phases[1],
            Phase::Userland => &self.phases[2],
        }
    }

    /// What was over before this start.
    pub fn over(&self) -> impl Iterator<Item = Over> {
        let all = self.phases.iter().flat_map(|phase| &phase.over);
        all.map(|settled| Over { id: settled.listed.id, end: settled.end.clone() })
    }

    /// Whether nothing is left to be done or told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phases.iter().all(|phase| phase.settled.is_empty() && phase.is_empty())
    }

    /// Malformed entries that, by their policy, forbid to begin at all (R15), in file order.
    pub fn forbidding(&self) -> impl Iterator<Item = &Settled> {
        use super::verdict::{Consequence, after};
        self.phases
            .iter()
            .flat_map(|phase| &phase.settled)
            .filter(|settled| after(&settled.end, settled.listed.fail_policy) == Consequence::Abort)
    }
}

/// Plans a run.
///
/// Gates, in order: what happened before (R79), `skip_if` (R23), receipt (R21) or presence (T37), a digest where one is
/// demanded (R85). `titles` is what catalogs said of the titles of the control file, which then has their parts.
#[must_use]
pub fn plan(
    control: &ControlFile,
    facts: &Facts,
    hash_check: HashCheckPolicy,
    past: &Past,
    titles: &Resolution,
) -> Plan {
    let past = &match past {
        // Another control file: what its items were to do counts no more (R79), what finished runs did still does.
        Past::Interrupted { state, repair } if state.control != Some(control.digest) => {
            repair.clone().map_or(Past::Nothing, Past::Finished)
        }
        past => past.clone(),
    };
    let repair = past.repair();
    let only = repair.and_then(|repair| repair.asked.as_ref()).map_or(&[][..], |asked| asked.only.as_slice());
    let unknown = unknown_names(only, &control.entries().map(named).collect::<Vec<_>>());
    let forced = repair.is_some_and(Repair::is_forced);
    let situation =
        Situation { control, facts, hash_check, past, titles, forced, nothing: !unknown.is_empty() };
    let preflight_passed = match past {
        Past::Nothing => None,
        Past::Interrupted { state, .. } => state.preflight_passed,
        Past::Finished(_) => Some(false),
    };
    let phases = Phase::ALL.map(|phase| situation.phase(phase, control.phase(phase)));
    Plan { phases, preflight_passed, unknown }
}

fn named(entry: &Entry) -> (Phase, &str) {
    match entry {
        Entry::Item(item) => (item.id.phase, &item.name),
        Entry::Ignored(listed, _) | Entry::Malformed(listed, _) => (listed.id.phase, &listed.name),
    }
}

/// What decides about an entry besides itself.
struct Situation<'a> {
    control: &'a ControlFile,
    facts: &'a Facts,
    hash_check: HashCheckPolicy,
    past: &'a Past,
    titles: &'a Resolution,
    /// Whether receipts count for nothing, because what is there is to be repeated.
    forced: bool,
    /// Whether nothing is to be done, because it is not clear what was asked for.
    nothing: bool,
}

impl Situation<'_> {
    fn phase(&self, phase: Phase, entries: &[Entry]) -> PhasePlan {
        let (mut over, mut settled, mut work) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            let listed = entry.listed();
            if let Some(end) = self.over(&listed, entry) {
                over.push(Settled { listed, end });
                continue;
            }
            let end = match entry {
                Entry::Ignored(_, why) => Some(ItemEnd::Skipped(SkipReason::Ignored(why.clone()))),
                Entry::Malformed(_, why) => Some(ItemEnd::DownloadFailed(why.clone())),
                Entry::Item(item) => self.settle(&self.wanted(item)),
            };
            match (end, entry) {
                // A repair speaks only of what it does.
                (Some(end), _) if end.is_skipped() && matches!(self.past, Past::Finished(_)) => {
                    over.push(Settled { listed, end });
                }
                (Some(end), _) => settled.push(Settled { listed, end }),
                (None, Entry::Item(item)) => work.push(self.wanted(item).into_owned()),
                (None, _) => {}
            }
        }
        let batches = match phase {
            Phase::Preflight if work.is_empty() => Vec::new(),
            Phase::Preflight => vec![Batch(work)],
            Phase::SetupAssistant | Phase::Userland => into_batches(work),
        };
        PhasePlan { phase, over, settled, batches }
    }

    /// The item as it is to be carried out.
    fn wanted<'i>(&self, item: &'i Item) -> Cow<'i, Item> {
        if self.forced && !item.always_install {
            return Cow::Owned(Item { always_install: true, ..item.clone() });
        }
        // What a finished run has reinstalled is only looked at.
        let done = |repair: &Repair| repair.done.contains_key(&item.fingerprint());
        let is_title = item.kind == ItemKind::Title && item.always_install && !self.forced;
        match (is_title, self.past) {
            (true, Past::Finished(repair)) if done(repair) => {
                Cow::Owned(Item { always_install: false, ..item.clone() })
            }
            _ => Cow::Borrowed(item),
        }
    }

    /// How an item ends without any work; `None` when there is work to do.
    fn settle(&self, item: &Item) -> Option<ItemEnd> {
        let facts = self.facts;
        if item.skip_if.iter().any(|word| word.0 == facts.arch) {
            return Some(ItemEnd::Skipped(SkipReason::SkipIf(facts.arch.as_str().to_owned())));
        }
        let installed = item.receipt.as_ref().and_then(|receipt| facts.receipts.get(&receipt.package_id));
        let reason = satisfied(item, installed.map(String::as_str));
        let present = || presence::present(item, self.titles, facts).filter(|_| !self.past.was_cut_off(item));
        if let Some(reason) = reason.or_else(present) {
            return Some(ItemEnd::Skipped(reason));
        }
        if self.hash_check == HashCheckPolicy::Strict && item.source.is_some() && item.hash.is_none() {
            let why = "no `hash`, and HashCheckPolicy is Strict: add the SHA-256 of the file, or choose another policy";
            return Some(ItemEnd::DownloadFailed(why.to_owned()));
        }
        None
    }

    /// The name under which a repair is asked for the item: what comes with a title goes with it.
    fn listed_name<'i>(&'i self, item: &'i Item) -> &'i str {
        let is_whole = |entry: &&Entry| {
            let id = entry.id();
            id.is_listed() && (id.phase, id.index) == (item.id.phase, item.id.index)
        };
        match self.control.phase(item.id.phase).iter().find(is_whole) {
            Some(Entry::Item(whole)) if !item.id.is_listed() => &whole.name,
            _ => &item.name,
        }
    }

    fn over(&self, listed: &Listed, entry: &Entry) -> Option<ItemEnd> {
        if self.nothing {
            return Some(ItemEnd::Skipped(SkipReason::NotAsked));
        }
        match (self.past, entry) {
            (Past::Nothing, _) => None,
            (Past::Interrupted { state, .. }, entry) => earlier::ended(listed.id, entry, state),
            (Past::Finished(repair), Entry::Item(item)) => {
                let asked_as = self.listed_name(item);
                earlier::needs_no_repair(item, asked_as, repair, self.facts, self.titles)
            }
            (Past::Finished(_), Entry::Ignored(..) | Entry::Malformed(..)) => None,
        }
    }
}

/// Whether the installed version makes a package unnecessary (R18–R21).
#[must_use]
pub fn satisfied(item: &Item, installed: Option<&str>) -> Option<SkipReason> {
    let (Some(receipt), Some(installed)) = (&item.receipt, installed) else { return None };
    let wanted = item.kind == ItemKind::Package && !item.always_install;
    (wanted && version::compare(installed, &receipt.version) != Ordering::Less)
        .then(|| SkipReason::Receipt { installed: installed.to_owned() })
}

/// Consecutive items of the same group form a batch; identity is positional (R56, R60).
fn into_batches(work: Vec<Item>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for item in work {
        match batches.last_mut() {
            Some(batch)
                if item.group.is_some() && batch.0.last().is_some_and(|last| last.group == item.group) =>
            {
                batch.0.push(item);
            }
            _ => batches.push(Batch(vec![item])),
        }
    }
    batches
}

impl fmt::Display for Plan {
    /// One line for each entry, batches numbered, reasons behind what is skipped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in &self.phases {
            writeln!(f, "{}:", phase.phase)?;
            if phase.over.is_empty() && phase.settled.is_empty() && phase.is_empty() {
                writeln!(f, "  nothing to do")?;
            }
            for settled in phase.over.iter().chain(&phase.settled) {
                writeln!(f, "  {} \"{}\": {}", settled.listed.id, settled.listed.name, settled.end)?;
            }
            let numbered =
                (1..).zip(&phase.batches).flat_map(|(n, batch)| batch.0.iter().map(move |item| (n, item)));
            for (number, item) in numbered {
                let wait = if item.donotwait { ", not waited for" } else { "" };
                write!(f, "  {number}. {} \"{}\": {}{wait}", item.id, item.name, item.kind)?;
                match item.team_ids.as_slice() {
                    [] => writeln!(f)?,
                    signers => writeln!(f, ", only if signed by {}", any_of(signers))?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::Digest,
        event::{Event, EventKind},
        exit::Ended,
        facts::Arch,
        item::{FailPolicy, ItemId, ParallelGroup, ReceiptTarget, RetryKeys, SkipIf, Source},
        layout::MacPath,
        state::RunState,
    };
    use std::collections::BTreeMap;

    fn item(phase: Phase, index: u32) -> Item {
        Item {
            id: ItemId::new(phase, index),
            name: format!("item {index}"),
            kind: ItemKind::Package,
            file: MacPath::new("/Library/x/a.pkg").unwrap(),
            source: Some(Source {
                url: url::Url::parse("https://example.com/a.pkg").unwrap(),
                options: Default::default(),
            }),
            hash: Some(Digest::of(b"")),
            receipt: None,
            mirrors: Vec::new(),
            team_ids: Vec::new(),
            always_install: false,
            skip_if: Vec::new(),
            retry: RetryKeys::default(),
            donotwait: false,
            fail_policy: FailPolicy::default(),
            group: None,
            timeout: None,
            app: None,
            wish: None,
        }
    }

    fn control(setup_assistant: Vec<Entry>) -> ControlFile {
        ControlFile { digest: Digest::of(b""), preflight: Vec::new(), setup_assistant, userland: Vec::new() }
    }

    fn facts() -> Facts {
        let receipts = BTreeMap::from([("com.example.a".to_owned(), "2.0".to_owned())]);
        Facts {
            arch: Arch::Arm64,
            os_version: "15.1".into(),
            receipts,
            placed: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    fn batches_of(groups: &[&str]) -> Vec<Vec<u32>> {
        let entries = groups.iter().zip(0..).map(|(group, index)| {
            let group = (!group.is_empty()).then(|| ParallelGroup((*group).to_owned()));
            Entry::Item(Box::new(Item { group, ..item(Phase::SetupAssistant, index) }))
        });
        let plan = plan(
            &control(entries.collect()),
            &facts(),
            HashCheckPolicy::Strict,
            &Past::Nothing,
            &Resolution::default(),
        );
        let ids = |batch: &Batch| batch.0.iter().map(|item| item.id.index + 1).collect();
        plan.phase(Phase::SetupAssistant).batches.iter().map(ids).collect()
    }

    #[test]
    fn v2_batches() {
        assert_eq!(
            batches_of(&["alpha", "alpha", "beta", "beta", "beta", "alpha"]),
            [vec![1, 2], vec![3, 4, 5], vec![6]]
        );
        assert_eq!(batches_of(&["a", "", "a"]), [vec![1], vec![2], vec![3]]);
        assert_eq!(batches_of(&["", ""]), [vec![1], vec![2]]);
    }

    #[test]
    fn r60_a_skipped_item_does_not_split_its_batch() {
        let group = Some(ParallelGroup("a".into()));
        let mut items: Vec<_> =
            (0..3).map(|i| Item { group: group.clone(), ..item(Phase::Userland, i) }).collect();
        items[1].skip_if = vec![SkipIf(Arch::Arm64)];
        items[1].group = None;
        let entries = items.into_iter().map(|item| Entry::Item(Box::new(item))).collect();
        let file = ControlFile { userland: entries, ..control(Vec::new()) };
        let plan = plan(&file, &facts(), HashCheckPolicy::Strict, &Past::Nothing, &Resolution::default());
        let userland = plan.phase(Phase::Userland);
        assert_eq!(userland.batches.len(), 1);
        assert_eq!(userland.settled[0].end, ItemEnd::Skipped(SkipReason::SkipIf("arm64".into())));
    }

    fn settled(item: Item, hash_check: HashCheckPolicy) -> Option<ItemEnd> {
        let plan = plan(
            &control(vec![Entry::Item(Box::new(item))]),
            &facts(),
            hash_check,
            &Past::Nothing,
            &Resolution::default(),
        );
        plan.phases[1].settled.first().map(|settled| settled.end.clone())
    }

    #[test]
    fn r21_a_current_receipt_makes_a_package_unnecessary_even_without_a_hash() {
        let receipt = |version: &str| {
            Some(ReceiptTarget { package_id: "com.example.a".into(), version: version.to_owned() })
        };
        let with = |version| Item { receipt: receipt(version), hash: None, ..item(Phase::SetupAssistant, 0) };
        let current = ItemEnd::Skipped(SkipReason::Receipt { installed: "2.0".into() });
        assert_eq!(settled(with("2"), HashCheckPolicy::Strict), Some(current.clone()));
        assert_eq!(settled(with("1.9"), HashCheckPolicy::Ignore), Some(current));
        assert_eq!(settled(with("2.0.1"), HashCheckPolicy::Ignore), None);
        let forced = Item { always_install: true, ..with("2") };
        assert_eq!(settled(forced, HashCheckPolicy::Ignore), None, "R19: required installs anyway");
    }

    #[test]
    fn r85_strict_demands_a_hash_only_for_what_is_downloaded() {
        let bare = Item { hash: None, ..item(Phase::SetupAssistant, 0) };
        assert!(matches!(settled(bare.clone(), HashCheckPolicy::Strict), Some(ItemEnd::DownloadFailed(_))));
        assert_eq!(settled(bare.clone(), HashCheckPolicy::Warning), None);
        assert_eq!(settled(Item { source: None, ..bare }, HashCheckPolicy::Strict), None);
    }

    #[test]
    fn r15_a_malformed_item_forbids_the_run_unless_it_is_failable() {
        let malformed = |fail_policy| {
            let listed =
                Listed { fail_policy, ..Entry::Item(Box::new(item(Phase::SetupAssistant, 0))).listed() };
            control(vec![Entry::Malformed(listed, "hash: not a digest".into())])
        };
        let count = |policy| {
            plan(
                &malformed(policy),
                &facts(),
                HashCheckPolicy::Strict,
                &Past::Nothing,
                &Resolution::default(),
            )
            .forbidding()
            .count()
        };
        assert_eq!(count(FailPolicy::Failable), 0);
        assert_eq!(count(FailPolicy::FailableExecution), 1);
    }

    /// A run of one item that was cut off after these facts, planned again.
    fn cut_off(item: &Item, facts_told: Vec<EventKind>) -> Option<ItemEnd> {
        let control = control(vec![Entry::Item(Box::new(item.clone()))]);
        let loaded = |over| EventKind::ControlFileLoaded {
            source: String::new(),
            digest: control.digest,
            items: control.entries().map(Entry::listed).collect(),
            errors: 0,
            warnings: 0,
            over,
        };
        let mut state = RunState::default();
        let tell = |state: &mut RunState, kind| {
            let seq = state.seq + 1;
            state.apply(&Event { seq, at_ms: seq, kind });
        };
        tell(&mut state, loaded(Vec::new()));
        facts_told.into_iter().for_each(|kind| tell(&mut state, kind));
        let planned = |state: &RunState| {
            let past = Past::interrupted(state.clone(), &crate::journal::Basis::default());
            plan(&control, &facts(), HashCheckPolicy::Strict, &past, &Resolution::default())
        };
        let first = planned(&state);
        tell(&mut state, loaded(first.over().collect()));
        let again = planned(&state);
        assert_eq!(first, again, "the next start plans the same");
        first.phase(Phase::SetupAssistant).over.first().map(|over| over.end.clone())
    }

    #[test]
    fn r68_r79_a_background_package_is_over_when_it_has_ended_and_a_script_when_it_has_started() {
        let package = Item { donotwait: true, ..item(Phase::SetupAssistant, 0) };
        let script = Item { kind: ItemKind::RootScript, ..package.clone() };
        let id = package.id;
        let running = || EventKind::ItemRunning { id };
        let started =
            || EventKind::ItemFinished { id, end: ItemEnd::Background, ms: 1, last_lines: Vec::new() };
        let ended = |code| EventKind::BackgroundEnded { id, ended: Ended::Exited(code) };
        let background = Some(ItemEnd::Background);
        assert_eq!(cut_off(&script, vec![running()]), background);
        assert_eq!(cut_off(&script, vec![running(), started()]), background);
        assert_eq!(cut_off(&package, vec![running()]), None);
        assert_eq!(cut_off(&package, vec![running(), started()]), None, "nobody knows how far it came");
        assert_eq!(cut_off(&package, vec![running(), ended(0)]), background, "nothing is left to be done");
        // Its end may be told before that it has started.
        for told in [[started(), ended(0)], [ended(0), started()], [started(), ended(1)]] {
            let told = std::iter::once(running()).chain(told).collect();
            assert_eq!(cut_off(&package, told), background);
        }
        let again = vec![running(), started(), ended(0), EventKind::ItemStarted { id }, running(), started()];
        assert_eq!(cut_off(&package, again), None, "another installation");
    }

    #[test]
    fn r64_what_no_agent_took_has_not_begun() {
        let script = Item { kind: ItemKind::UserScript, donotwait: true, ..item(Phase::SetupAssistant, 0) };
        let id = script.id;
        let not_taken = || EventKind::ItemNotTaken { id, why: "the agent is gone".to_owned() };
        let waiting = vec![EventKind::ItemRunning { id }, not_taken(), EventKind::WaitingForAgent];
        assert_eq!(cut_off(&script, waiting), None);
        let taken = vec![EventKind::ItemRunning { id }, not_taken(), EventKind::ItemRunning { id }];
        assert_eq!(cut_off(&script, taken), Some(ItemEnd::Background));
    }

    #[test]
    fn a_plan_prints_what_and_why() {
        let skipped = Item { skip_if: vec![SkipIf(Arch::Arm64)], ..item(Phase::SetupAssistant, 0) };
        let entries = [skipped, item(Phase::SetupAssistant, 1)].map(|item| Entry::Item(Box::new(item)));
        let text = plan(
            &control(entries.to_vec()),
            &facts(),
            HashCheckPolicy::Strict,
            &Past::Nothing,
            &Resolution::default(),
        )
        .to_string();
        let expected = "preflight:\n  nothing to do\nsetupassistant:\n  setupassistant[0] \"item 0\": skipped: \
                        skip_if names this Mac (arm64)\n  1. setupassistant[1] \"item 1\": package\nuserland:\n  \
                        nothing to do\n";
        assert_eq!(text, expected);
    }
}
