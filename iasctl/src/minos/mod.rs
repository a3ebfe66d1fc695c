//! `iasctl minos`: what a server has to answer a Mac in Setup Assistant that is too old (T104–T114).

mod choose;

use self::choose::{Answer, Lists, Minimum, Version, Wish, choose, remark};
use crate::{
    chain::chain,
    stdout,
    web::{Request, Web},
};
use clap::{Args, ValueEnum};
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use serde_json::json;
use std::{fs, path::PathBuf, process::ExitCode, time::Duration};
use time::{OffsetDateTime, macros::format_description};
use url::Url;

/// Where Apple says what can be installed (T104).
const SOURCE: &str = "https://gdmf.apple.com/v2/pmv";
/// Its answer is a few hundred KiB.
const LONGEST: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing has to be done.
const NOTHING: u8 = 3;
/// Nothing can be done.
const IMPOSSIBLE: u8 = 4;

/// What is wanted of which Mac.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The least that is wanted: `14.3`, `14` or `latest`
    #[arg(long, value_name = "VERSION")]
    minimum: Minimum,
    /// The Mac's board, such as `J274AP`: `SOFTWARE_UPDATE_DEVICE_ID` of what it sends, not `Macmini9,1`
    #[arg(long, value_name = "NAME")]
    board: String,
    /// What it has: `OS_VERSION` of what it sends
    #[arg(long, value_name = "VERSION")]
    installed: Option<Version>,
    /// A newer major version will do where the wanted one has nothing
    #[arg(long)]
    major_upgrades: bool,
    /// Apple's list in a file, instead of asking gdmf.apple.com
    #[arg(long, value_name = "FILE")]
    gdmf: Option<PathBuf>,
    /// Print only the body of the answer, in this form
    #[arg(long, value_enum)]
    body: Option<Form>,
    /// As if it were this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<String>,
}

/// The forms of an answer (T110).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// application/json
    Json,
    /// application/xml
    Plist,
}

/// Says which version, and how to answer.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let lists = match lists(arguments) {
        Ok(lists) => lists,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let today = arguments.today.clone().unwrap_or_else(|| {
        let day = format_description!("[year]-[month]-[day]");
        OffsetDateTime::now_utc().format(&day).unwrap_or_default()
    });
    let wish = Wish {
        minimum: arguments.minimum.clone(),
        board: arguments.board.clone(),
        installed: arguments.installed.clone(),
        major_upgrades: arguments.major_upgrades,
        today,
    };
    if let Some(remark) = remark(&wish, &lists) {
        eprintln!("note: {remark}");
    }
    let (target, why) = match choose(&wish, &lists) {
        Answer::Install(target, why) => (target, why),
        Answer::Nothing(why) => return end(&format!("nothing to do: {why}\n"), NOTHING),
        Answer::Impossible(why) => {
            return end(&format!("no answer but the ordinary one: {why}\n"), IMPOSSIBLE);
        }
    };
    let (json, plist) = bodies(&target, &why);
    let text = match arguments.body {
        Some(Form::Json) => json,
        Some(Form::Plist) => plist,
        None => format!(
            "target: {target}\nreason: {why}\n\nHTTP/1.1 403 Forbidden\nContent-Type: application/json\n\n{json}\nor\n\n\
             HTTP/1.1 403 Forbidden\nContent-Type: application/xml\n\n{plist}"
        ),
    };
    end(&text, 0)
}

fn end(text: &str, code: u8) -> ExitCode {
    stdout::print(text).err().unwrap_or_else(|| ExitCode::from(code))
}

fn lists(arguments: &Arguments) -> Result<Lists, String> {
    let (whence, text) = match &arguments.gdmf {
        Some(path) => {
            let read = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            (path.display().to_string(), read)
        }
        None => (SOURCE.to_owned(), ask()?),
    };
    // As Apple gives it, or as SOFA keeps a copy (T104).
    let copy = serde_json::from_slice::<Copy>(&text).map(|copy| copy.data);
    copy.or_else(|_| serde_json::from_slice(&text))
        .map_err(|error| format!("{whence}: not what gdmf.apple.com gives: {error}"))
}

/// A copy with the mark by which it is known to be current.
#[derive(Deserialize)]
struct Copy {
    data: Lists,
}

/// The list's certificate leads to Apple's own root, which the web does not know (T104).
fn ask() -> Result<Vec<u8>, String> {
    let url = Url::parse(SOURCE).map_err(|error| error.to_string())?;
    let roots = vec![CertificateDer::from(shared::flat_package::signature::APPLE_ROOT_CA.to_vec())];
    let web = Web::new(roots, PATIENCE).map_err(|error| chain(&error))?;
    let request = Request { limit: LONGEST, ..Request::default() };
    let (answer, body) =
        web.ask(&url, &request).map_err(|error| format!("{}; --gdmf takes a file", chain(&error)))?;
    match answer.status {
        200 => Ok(body),
        status => Err(format!("{SOURCE}: the server answers {status}; --gdmf takes a file")),
    }
}

/// Both forms of the answer (T110). `BuildVersion` is left out: it is for testing only.
fn bodies(target: &Version, why: &str) -> (String, String) {
    let message = format!("This Mac must be updated to macOS {target}.");
    let code = "com.apple.softwareupdate.required";
    let json = json!({ "code": code, "description": why, "message": message, "details": { "OSVersion": target.to_string() } });
    let text = |key: &str, value: &str| format!("  <key>{key}</key><string>{value}</string>\n");
    let plist = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\"><dict>\n{}{}{}  <key>details</key><dict><key>OSVersion</key><string>{target}</string></dict>\n</dict></plist>\n",
        text("code", code),
        text("description", why),
        text("message", &message),
    );
    (format!("{json}\n"), plist)
}
