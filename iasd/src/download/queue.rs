//! Many downloads at once: a few running, whose turn it is waits at the [`Gate`] (R34, R54, R55).

use super::{
    Downloader,
    busy::Working,
    error::{Cause, DownloadError},
    fetch::shown,
    gate::{Gate, Permit},
    local::Found,
    series::Step,
    verify::VerifiedArtifact,
};
use crate::engine::recorder::{Recorder, Stopped};
use shared::{
    event::EventKind,
    item::{Item, ItemId, ItemKind, Source},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tokio::{
    sync::{oneshot, watch},
    task::{AbortHandle, JoinSet},
};
use url::Url;

type Outcome = Result<VerifiedArtifact, Arc<DownloadError>>;

/// The downloads of a set of items.
pub(crate) struct DownloadQueue {
    gate: Arc<Gate>,
    places: HashMap<ItemId, usize>,
    outcomes: Vec<watch::Receiver<Option<Outcome>>>,
    work: AbortHandle,
    downloader: Arc<Downloader>,
}

/// One content and everybody who wants it; the first asks for it (R34).
struct Ticket {
    item: Item,
    source: Source,
    sharers: Vec<ItemId>,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Ticket {
    /// Whether its content and its file will do for another item from the same address.
    fn serves(&self, other: &Item) -> bool {
        let known = (self.item.hash, other.hash);
        let contradicts = matches!(known, (Some(own), Some(other)) if own != other);
        self.item.kind.shares_a_file_with(other.kind) && !contradicts
    }

    fn share(&mut self, other: Item) {
        self.sharers.push(other.id);
        self.item.hash = self.item.hash.or(other.hash);
        if self.item.kind != other.kind {
            // What the user can execute root can, too.
            self.item.kind = ItemKind::UserScript;
        }
        let mut addresses: BTreeSet<Url> = self.item.mirrors.iter().map(|known| known.url.clone()).collect();
        addresses.insert(self.source.url.clone());
        // Nobody's time is cut short by another one's.
        let within = self.item.retry.within_seconds.zip(other.retry.within_seconds);
        self.item.retry.within_seconds = within.map(|(one, two)| one.max(two));
        // One that may be fetched from elsewhere may be fetched from there for all.
        let others = other.source.into_iter().chain(other.mirrors);
        self.item.mirrors.extend(others.filter(|source| addresses.insert(source.url.clone())));
    }
}

impl DownloadQueue {
    /// Begins to download `items`, in this order, with at first `min` and never more than `max` transfers at once. Items without `url` are left
    /// out.
    pub(crate) fn start(
        downloader: Arc<Downloader>,
        items: Vec<Item>,
        (min, max): (u32, u32),
        recorder: Recorder,
    ) -> Self {
        let (tickets, places) = tickets(items);
        let outcomes = tickets.iter().map(|ticket| ticket.outcome.subscribe()).collect();
        let gate = Arc::new(Gate::new(min, max, downloader.policy.longest_held));
        let worker = Worker { gate: Arc::clone(&gate), downloader: Arc::clone(&downloader), recorder };
        let working = downloader.busy.enter();
        let work = tokio::spawn(worker.run(tickets, working)).abort_handle();
        Self { gate, places, outcomes, work, downloader }
    }

    /// Waits for the content of one item, which from now on comes first (R55).
    ///
    /// # Errors
    /// When it could not be had, or the queue was cancelled.
    pub(crate) async fn take(&self, id: ItemId) -> Outcome {
        let nothing = || DownloadError { what: id.to_string(), attempts: 0, cause: Cause::Cancelled };
        let Some(place) = self.places.get(&id) else { return Err(Arc::new(nothing())) };
        self.gate.hurry(*place);
        let Some(mut outcome) = self.outcomes.get(*place).cloned() else { return Err(Arc::new(nothing())) };
        match outcome.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or_else(|| Err(Arc::new(nothing()))),
            Err(_) => Err(Arc::new(nothing())),
        }
    }

    /// The content of one item, if it has come.
    pub(crate) fn arrived(&self, id: ItemId) -> Option<VerifiedArtifact> {
        let outcome = self.outcomes.get(*self.places.get(&id)?)?.borrow();
        outcome.as_ref()?.as_ref().ok().cloned()
    }

    /// Stops what is in flight (R92); what came so far stays for a later run.
    pub(crate) fn cancel(&self) {
        self.work.abort();
    }

    /// Waits, after [`Self::cancel`], until nothing touches the disk any more.
    pub(crate) async fn settled(&self) {
        self.downloader.busy.idle().await;
    }
}

impl Drop for DownloadQueue {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn tickets(items: Vec<Item>) -> (Vec<Ticket>, HashMap<ItemId, usize>) {
    let (mut tickets, mut places) = (Vec::<Ticket>::new(), HashMap::new());
    let mut known = HashMap::<_, Vec<usize>>::new();
    for item in items {
        let Some(source) = item.source.clone() else { continue };
        // One title's file is another's, wherever they are: its name is its digest (T17).
        let is_known_by_digest = item.kind == ItemKind::Title && item.hash.is_some();
        let address = (!is_known_by_digest).then(|| source.url.clone());
        // The Mac's file system does not tell letter case apart.
        let same = known.entry((item.file.as_str().to_lowercase(), address)).or_default();
        let serves = |place: &usize| tickets.get(*place).is_some_and(|ticket| ticket.serves(&item));
        let place = same.iter().copied().find(serves).unwrap_or(tickets.len());
        places.insert(item.id, place);
        match tickets.get_mut(place) {
            Some(ticket) => ticket.share(item),
            None => {
                same.push(place);
                let outcome = watch::Sender::new(None);
                tickets.push(Ticket { item, source, sharers: Vec::new(), outcome });
            }
        }
    }
    (tickets, places)
}

#[derive(Clone)]
struct Worker {
    gate: Arc<Gate>,
    downloader: Arc<Downloader>,
    recorder: Recorder,
}

impl Worker {
    /// Looks at what is there in file order, so that permits are asked for in that order, and runs everything else
    /// side by side. Dropped, it drops all of it.
    ///
    /// Aborting only asks: a task in the middle of a piece writes it first. So each holds its own word that it works.
    async fn run(self, tickets: Vec<Ticket>, _working: Working) {
        let mut running = JoinSet::new();
        let gate = Arc::clone(&self.gate);
        let looking = gate.watch();
        let work = async {
            self.begin(tickets, &mut running).await;
            while running.join_next().await.is_some() {}
        };
        tokio::select! {
            () = looking => {}
            () = work => {}
        }
    }

    async fn begin(self, tickets: Vec<Ticket>, running: &mut JoinSet<()>) {
        for (place, ticket) in tickets.into_iter().enumerate() {
            let found = self.downloader.look(&ticket.item, &ticket.source);
            let nothing = found.as_ref().is_ok_and(Found::is_nothing);
            // What is in stock needs no transfer; should it turn out to be unusable, a permit is asked for then.
            let transfer = nothing && !self.downloader.may_be_stocked(&ticket.item, &ticket.source);
            let permit = transfer.then(|| self.gate.request(place));
            let (task, working) =
                (self.clone().one(place, ticket, (found, permit)), self.downloader.busy.enter());
            running.spawn(async move {
                task.await;
                drop(working);
            });
            // Lets those that have a permit begin while we look on.
            tokio::task::yield_now().await;
        }
    }

    async fn one(
        self,
        place: usize,
        ticket: Ticket,
        (found, permit): (Result<Found, Cause>, Option<oneshot::Receiver<Permit>>),
    ) {
        let result = match found {
            Err(cause) => self.refused(&ticket, cause).await,
            Ok(found) => self.content(place, &ticket, (found, permit)).await,
        };
        let result = result.map_err(Arc::new);
        // A stopped run needs no news.
        let _ = self.tell_sharers(&ticket, &result).await;
        ticket.outcome.send_replace(Some(result));
    }

    async fn content(
        &self,
        place: usize,
        ticket: &Ticket,
        (found, mut permit): (Found, Option<oneshot::Receiver<Permit>>),
    ) -> Result<VerifiedArtifact, DownloadError> {
        // Hundreds wait here for their turn: what only one that runs needs has its memory only then.
        if !found.is_nothing() {
            let served = Box::pin(self.downloader.already_there(&ticket.item, found, &self.recorder)).await?;
            if let Some(artifact) = served {
                return Ok(artifact);
            }
        }
        if self.downloader.has_stock() {
            let stocked =
                Box::pin(self.downloader.stocked(&ticket.item, &ticket.source, &self.recorder)).await?;
            if let Some(artifact) = stocked {
                return Ok(artifact);
            }
        }
        let mut series = Box::new(self.downloader.series(&ticket.item, &ticket.source));
        series.until_connected().await;
        loop {
            let turn = permit.take().unwrap_or_else(|| self.gate.request(place)).await;
            let Ok(mut turn) = turn else { return Err(series.cancelled()) };
            let step = Box::pin(series.step(&mut turn, &self.recorder)).await;
            if matches!(step, Ok(Step::Done(_)) | Err(_)) {
                self.gate.finish(place);
            }
            drop(turn);
            match step? {
                Step::Done(artifact) => return Ok(artifact),
                Step::Wait(wait) => series.pause(wait).await,
                Step::CutOff => series.until_connected().await,
                Step::LetGo => {}
            }
        }
    }

    async fn refused(&self, ticket: &Ticket, cause: Cause) -> Result<VerifiedArtifact, DownloadError> {
        let error = DownloadError { what: shown(&ticket.source.url), attempts: 0, cause };
        let _ = self.recorder.record(failure(ticket.item.id, &error)).await;
        Err(error)
    }

    async fn tell_sharers(&self, ticket: &Ticket, result: &Outcome) -> Result<(), Stopped> {
        for id in &ticket.sharers {
            let fact = match result {
                Ok(artifact) => EventKind::DownloadFinished {
                    id: *id,
                    bytes: artifact.bytes(),
                    digest: artifact.digest(),
                    because: artifact.because(),
                    reused: true,
                },
                Err(error) => failure(*id, error),
            };
            self.recorder.record(fact).await?;
        }
        Ok(())
    }
}

fn failure(id: ItemId, error: &DownloadError) -> EventKind {
    EventKind::DownloadAttemptFailed {
        id,
        attempt: error.attempts.max(1),
        error: error.to_string(),
        retry_in_ms: None,
    }
}
