//! Runs programs on the simulated Mac: in the sandbox, or beside it when there is none.

use super::script::{ScriptCall, ScriptRunner};
use crate::host::{Launch, Line, Output, Running};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use futures::future::BoxFuture;
use shared::{
    exit::Ended,
    layout::MacPath,
    sys::{
        child::{self, Account, Child, Limits, Program},
        sandbox::{Sandbox, start_inside},
    },
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// How many lines may wait for a reader.
const LINES_WAITING: usize = 64;

/// What runs programs.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    /// `None`: programs run on the host.
    pub(crate) sandbox: Option<Arc<Sandbox>>,
    /// The Mac's `/`.
    pub(crate) root: PathBuf,
}

impl Runner {
    /// Starts `program`, whose paths are those of the Mac.
    pub(crate) async fn start(
        &self,
        program: Program,
        output: child::Output,
        limits: Limits,
    ) -> Result<Child, Ended> {
        match &self.sandbox {
            Some(sandbox) => start_inside(sandbox, &program, output, limits).await,
            None => child::start(&self.outside(program), output, limits).await,
        }
    }

    /// The same program, as the host sees it: only the environment tells it where its Mac is (P79).
    fn outside(&self, mut program: Program) -> Program {
        let below = |path: &Path| self.root.join(path.strip_prefix("/").unwrap_or(path));
        let in_the_folder = |path: &Path| below(path).exists();
        if in_the_folder(&program.path) {
            program.path = below(&program.path);
        }
        for argument in &mut program.arguments {
            let path = Path::new(argument);
            if path.is_absolute() && path != Path::new("/") && in_the_folder(path) {
                *argument = below(path).into();
            }
        }
        program.folder = below(&program.folder);
        program.environment.push(("IAS_ROOT".into(), self.root.clone().into()));
        program.identity = None;
        program
    }

    /// Starts `program` as an effect of the run.
    pub(crate) async fn launch(&self, root: &Dir, program: Program, launch: Launch) -> Running {
        let limits = Limits { timeout: launch.timeout, ..Limits::default() };
        let (output, forwarding) = match output(root, launch.output) {
            Ok(output) => output,
            Err(error) => return never(Ended::NotStarted(format!("its log cannot be written: {error}"))),
        };
        let child = match self.start(program, output, limits).await {
            Ok(child) => child,
            Err(ended) => return never(ended),
        };
        let (finished, stop) = child.split();
        Running {
            ended: Box::pin(async move {
                let ended = finished.await.ended;
                finish(forwarding).await;
                ended
            }),
            stop: Box::new(|| stop.stop()),
        }
    }
}

fn never(ended: Ended) -> Running {
    Running { ended: Box::pin(async { ended }), stop: Box::new(|| {}) }
}

/// A stream of lines that passes on what a child writes.
type Forwarding = Option<JoinHandle<()>>;

fn output(root: &Dir, output: Output) -> io::Result<(child::Output, Forwarding)> {
    match output {
        Output::LogFile(path) => Ok((child::Output::File(log_file(root, &path)?), None)),
        Output::Lines(lines) => {
            let (output, forwarding) = forward(lines);
            Ok((output, Some(forwarding)))
        }
    }
}

fn forward(lines: mpsc::Sender<Line>) -> (child::Output, JoinHandle<()>) {
    let (send, mut receive) = mpsc::channel(LINES_WAITING);
    let forwarding = tokio::spawn(async move {
        while let Some(line) = receive.recv().await {
            if lines.send(Line::Output(line)).await.is_err() {
                break;
            }
        }
    });
    (child::Output::Lines(send), forwarding)
}

async fn finish(forwarding: Forwarding) {
    if let Some(forwarding) = forwarding {
        // It does not panic, and nobody aborts it.
        let _ = forwarding.await;
    }
}

pub(super) fn log_file(root: &Dir, path: &MacPath) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        root.create_dir_all(folder.relative())?;
    }
    let options = OpenOptions::new().create(true).append(true).mode(0o600).clone();
    Ok(root.open_with(path.relative(), &options)?.into_std())
}

impl ScriptRunner for Runner {
    fn run<'a>(&'a self, call: ScriptCall) -> BoxFuture<'a, Ended> {
        Box::pin(async move {
            let mut program = match program(&self.root, &call.program) {
                Ok(program) => program,
                Err(error) => return Ended::NotStarted(format!("{}: {error}", call.program)),
            };
            program.arguments.extend(call.arguments.iter().map(Into::into));
            program.environment = Account::root().environment();
            for (name, value) in &call.environment {
                program.environment.retain(|(known, _)| known != name.as_str());
                program.environment.push((name.into(), value.into()));
            }
            if let Some(folder) = call.folder {
                program.folder = folder.as_str().into();
            }
            let (output, forwarding) = forward(call.lines);
            let ended = match self.start(program, output, Limits::default()).await {
                Ok(child) => wait_or_stop(child, call.stopping).await,
                Err(ended) => ended,
            };
            finish(Some(forwarding)).await;
            ended
        })
    }
}

/// Waits for the end of `child`, and hastens it when `stopping` turns true.
async fn wait_or_stop(child: Child, mut stopping: watch::Receiver<bool>) -> Ended {
    let (finished, stop) = child.split();
    let mut finished = std::pin::pin!(finished);
    let stopped = async {
        if stopping.wait_for(|is_stopping| *is_stopping).await.is_err() {
            // Nobody is left who could ask for it.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        finished = &mut finished => return finished.ended,
        () = stopped => stop.stop(),
    }
    finished.await.ended
}

/// How to execute the script at `path` (R71).
pub(super) fn program(root: &Path, path: &MacPath) -> io::Result<Program> {
    use std::io::Read;
    let dir = Dir::open_ambient_dir(root, cap_std::ambient_authority())?;
    let mut head = Vec::new();
    dir.open(path.relative())?.take(512).read_to_end(&mut head)?;
    Ok(child::script(Path::new(path.as_str()), &head))
}
