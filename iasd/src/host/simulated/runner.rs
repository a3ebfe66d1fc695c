//! Runs programs on the simulated Mac: in the sandbox, or beside it when there is none.

use super::{
    fitting::Fitting,
    script::{ScriptCall, ScriptRunner},
};
use crate::host::{
    Hear, Launch, Output, Running,
    launch::{self, as_it_is},
};
use cap_std::fs::Dir;
use futures::future::BoxFuture;
use shared::{
    exit::Ended,
    layout::MacPath,
    sys::{
        child::{self, Account, Child, Limits, Program},
        sandbox::{Life, start_inside},
    },
};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::watch;

/// What runs programs.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    /// `None`: programs run on the host.
    pub(super) fitting: Option<Fitting>,
    /// The Mac's `/`.
    pub(crate) root: PathBuf,
    /// How long each script does nothing before it begins.
    pub(super) hang: Option<Duration>,
}

impl Runner {
    /// The same, for a script that hangs first.
    pub(super) fn hanging(&self, hang: Option<Duration>) -> Self {
        Self { hang, ..self.clone() }
    }

    /// Makes the sandbox, if there is to be one.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn ready(&self) -> Result<(), Ended> {
        match &self.fitting {
            Some(fitting) => fitting.sandbox().await.map(drop),
            None => Ok(()),
        }
    }

    /// The same, without a runtime.
    #[cfg(test)]
    pub(super) fn ready_now(&self) -> Result<(), String> {
        self.fitting.as_ref().map_or(Ok(()), |fitting| fitting.now().map(drop))
    }

    /// Waits until programs are wanted at all.
    pub(super) async fn wanted(&self) {
        if let Some(fitting) = &self.fitting {
            fitting.wanted().await;
        }
    }

    /// Starts `program`, whose paths are those of the Mac. Without a sandbox, every life is free.
    pub(crate) async fn start(
        &self,
        program: Program,
        output: child::Output,
        limits: Limits,
        life: Life,
    ) -> Result<Child, Ended> {
        let program = match self.hang {
            Some(time) => held_up(program, time),
            None => program,
        };
        match &self.fitting {
            Some(fitting) => {
                let sandbox = fitting.sandbox().await?;
                start_inside(&sandbox, &program, output, limits, life).await
            }
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
        self.launch_and_hear(root, program, Hear::Everything, launch).await
    }

    /// The same, of which only so much is heard.
    pub(super) async fn launch_and_hear(
        &self,
        root: &Dir,
        program: Program,
        hear: Hear,
        launch: Launch,
    ) -> Running {
        let limits = Limits { timeout: launch.timeout, ..Limits::default() };
        let life = life(&launch.output);
        let (output, forwarding) = match launch::heard(root, launch.output, hear) {
            Ok(output) => output,
            Err(error) => {
                return launch::never(Ended::NotStarted(format!("its log cannot be written: {error}")));
            }
        };
        match self.start(program, output, limits, life).await {
            Ok(child) => launch::running(child, forwarding),
            Err(ended) => launch::never(ended),
        }
    }
}

/// `program`, after a time in which nothing happens.
fn held_up(program: Program, time: Duration) -> Program {
    let wait = format!("sleep {}; exec \"$@\"", time.as_secs_f64());
    let mut arguments = vec!["-c".into(), wait.into(), "held-up".into(), program.path.into_os_string()];
    arguments.extend(program.arguments);
    Program { path: "/bin/sh".into(), arguments, ..program }
}

/// What the run waits for has no use without it; what writes a log of its own is to outlive it (R66).
fn life(output: &Output) -> Life {
    match output {
        Output::Lines(_) => Life::Tied,
        Output::LogFile(_) => Life::Free,
    }
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
            let (output, forwarding) = launch::forward(call.lines, as_it_is);
            let ended = match self.start(program, output, Limits::default(), Life::Tied).await {
                Ok(child) => wait_or_stop(child, call.stopping).await,
                Err(ended) => ended,
            };
            launch::finish(Some(forwarding)).await;
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
