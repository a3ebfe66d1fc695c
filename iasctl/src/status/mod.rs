//! `iasctl status`: how far the run on this Mac, or in a folder, is; with `--follow` on until it ends.
//!
//! What root may read is the record of the run, fact by fact; everybody may read `status.json`, which says in which state it is.

mod snapshot;
mod tail;

use crate::{
    stdout,
    view::{Json, Painter, Run, Style, View, now_ms, on_this_output, table},
};
use shared::{
    event::Progress,
    exit::ExitCode as End,
    layout::{JOURNAL_FILE, RECORDS_FOLDER},
    wording::duration,
};
use snapshot::Snapshot;
use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tail::Tail;

/// How often is looked for news. Neither system tells of a file's growth in the same way, and nobody reads faster.
const PAUSE: Duration = Duration::from_millis(100);
/// As wide as text is printed where no terminal says otherwise.
const WIDTH: usize = 100;

/// What `status` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a rehearsal, instead of this Mac
    #[arg(value_name = "DIR", default_value = "/", hide_default_value = true)]
    root: PathBuf,
    /// Show what happens until the run ends, and exit with its status; before it begins, wait for it
    #[arg(long)]
    follow: bool,
    /// Print `status.json`; with --follow one event in a line
    #[arg(long)]
    json: bool,
}

/// Tells; exit 1 when nothing is known of a run.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let outcome = if arguments.follow { follow(arguments) } else { tell(arguments) };
    outcome.unwrap_or_else(|why| {
        eprintln!("error: {why}");
        ExitCode::FAILURE
    })
}

fn records(root: &Path) -> PathBuf {
    root.join(RECORDS_FOLDER.trim_start_matches('/'))
}

fn tell(arguments: &Arguments) -> Result<ExitCode, String> {
    let folder = records(&arguments.root);
    if arguments.json {
        let text = Snapshot::read(&folder)?.text;
        return Ok(stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS));
    }
    let mut run = Run::default();
    let text = match Tail::new(&folder.join(JOURNAL_FILE)).read(&mut |event, _| run.event(event)) {
        Ok(()) if run.state.run_id.is_empty() => return Err(nothing(&folder)),
        Ok(()) => {
            news(&folder, &mut run);
            in_words(&run)
        }
        // Root's only: what everybody may know is less.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Snapshot::read(&folder)?.in_words(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(nothing(&folder)),
        Err(error) => return Err(format!("{}: {error}", folder.join(JOURNAL_FILE).display())),
    };
    Ok(stdout::print(&text).err().unwrap_or(ExitCode::SUCCESS))
}

fn nothing(folder: &Path) -> String {
    format!("{}: no run is recorded there; --follow waits for one", folder.display())
}

/// Takes what is on its way now, which the record does not tell.
fn news(folder: &Path, run: &mut Run) -> Vec<Progress> {
    let Ok(snapshot) = Snapshot::read(folder) else { return Vec::new() };
    let news = snapshot.news(&run.state);
    news.iter().for_each(|news| run.progress(news, now_ms()));
    news
}

fn in_words(run: &Run) -> String {
    let painter = Painter::of_this_output();
    let state = &run.state;
    let (how, style) = match &state.finished {
        None => ("under way".to_owned(), Style::Busy),
        Some((End::Finished, summary)) => (summary.clone(), Style::Good),
        Some((exit, summary)) => (format!("{summary} (exit status {})", exit.code()), Style::Bad),
    };
    let starts = if run.met.starts > 1 { format!(", start {}", run.met.starts) } else { String::new() };
    let since = duration(now_ms().saturating_sub(state.started_ms));
    let mut text =
        format!("{}, begun {since} ago{starts}, run {}\n", painter.paint(style, &how), state.run_id);
    // Of a run that is over its own time counts.
    let now = if state.finished.is_some() { state.now_ms } else { now_ms() };
    for line in table(run, WIDTH, now, painter) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn follow(arguments: &Arguments) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let painter = Painter::of_this_output();
    let mut view: Box<dyn View> = if arguments.json { Box::new(Json) } else { on_this_output(painter) };
    let mut follower = Follower::new(records(&arguments.root));
    let end = runtime.block_on(async {
        let mut ticks = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                _ = ticks.tick() => if let Some(end) = follower.look(view.as_mut())? { return Ok(Some(end)) },
                // The terminal is to be as it was.
                _ = tokio::signal::ctrl_c() => return Ok(None),
            }
        }
    });
    view.close();
    drop(view);
    let end: Option<End> = end.map_err(|error: io::Error| {
        let advice =
            if error.kind() == io::ErrorKind::PermissionDenied { "; it is root's: use sudo" } else { "" };
        format!("{}: {error}{advice}", follower.folder.join(JOURNAL_FILE).display())
    })?;
    if !arguments.json && end.is_some() {
        let text = in_words(&follower.run);
        if let Err(code) = stdout::print(&text) {
            return Ok(code);
        }
    }
    Ok(end.map_or(ExitCode::from(130), |end| ExitCode::from(end.code())))
}

/// Whoever watches a record grow.
struct Follower {
    folder: PathBuf,
    tail: Tail,
    run: Run,
    /// The last fact that was shown, and of which run: a record that is written anew tells it again.
    shown: (String, u64),
}

impl Follower {
    fn new(folder: PathBuf) -> Self {
        let tail = Tail::new(&folder.join(JOURNAL_FILE));
        Self { folder, tail, run: Run::default(), shown: (String::new(), 0) }
    }

    /// Shows what is new; how the run ended, once it has.
    fn look(&mut self, view: &mut dyn View) -> io::Result<Option<End>> {
        if self.tail.is_replaced() {
            self.run = Run::default();
        }
        let (run, shown) = (&mut self.run, &mut self.shown);
        let read = self.tail.read(&mut |event, line| {
            run.event(event);
            if shown.0 != run.state.run_id {
                *shown = (run.state.run_id.clone(), 0);
            }
            if event.seq > shown.1 {
                shown.1 = event.seq;
                view.event(event, line, run);
            }
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        }
        for news in news(&self.folder, &mut self.run) {
            view.progress(&news, &self.run);
        }
        view.tick(&self.run);
        // What only pauses is started again, by launchd or whoever rehearses.
        Ok(self.run.state.finished.as_ref().map(|(end, _)| *end).filter(|end| *end != End::Temporary))
    }
}
