//! Who listens to a run: one place that names every reporter.

use super::Refused;
use crate::{
    download::{Http, Network},
    host::Host,
    messages::Courier,
    report::{
        Reporter, Troubles, depnotify::DepNotify, log::Log, ndjson::Ndjson, status::Status,
        swiftdialog::SwiftDialog,
    },
};
use shared::{
    exit::ExitCode,
    settings::{Settings, arguments::Arguments},
};
use std::{io, path::Path, sync::Arc};

/// Everybody who listens to a run by these settings, and where their troubles go.
pub(super) fn reporters(
    arguments: &Arguments,
    host: &dyn Host,
    own_log: Option<Box<dyn Reporter>>,
    settings: &Settings,
) -> Result<(Vec<Box<dyn Reporter>>, Troubles), Refused> {
    let (root, owner) = (host.root(), host.trusted_owner());
    let (troubles, least) = (Troubles::default(), Log::least(settings.debug, settings.verbose));
    let cannot =
        |what: &str, error: io::Error| Refused::new(ExitCode::Configuration, format!("{what}: {error}"));
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(Log::to_stderr(least, troubles.clone()))];
    reporters.extend(own_log);
    if let Some(path) = &settings.log_file {
        match Log::to_file(root, path, least, owner, troubles.clone()) {
            Ok(log) => reporters.push(Box::new(log)),
            Err(error) => troubles.tell(format!("LogFilePath: {error}")),
        }
    }
    match arguments.events.as_deref() {
        None => {}
        Some(path) if path == Path::new("-") => {
            reporters.push(Box::new(Ndjson::new(Box::new(io::stdout()), true, troubles.clone())));
        }
        Some(path) => {
            let stream =
                Ndjson::to_file(path, true, troubles.clone()).map_err(|error| cannot("--events", error))?;
            reporters.push(Box::new(stream));
        }
    }
    reporters.push(Box::new(Status::new(root.to_owned(), owner, troubles.clone())));
    if settings.depnotify.enable {
        reporters.push(Box::new(DepNotify::new(root, &settings.depnotify, owner, troubles.clone())));
    }
    if settings.swiftdialog.enable {
        reporters.push(Box::new(SwiftDialog::new(root, &settings.swiftdialog, owner, troubles.clone())));
    }
    Ok((reporters, troubles))
}

/// Who carries the messages about this run, if the settings name somebody who wants them.
pub(super) async fn courier(
    host: &dyn Host,
    network: &Network,
    settings: &Settings,
    troubles: Troubles,
) -> Option<Arc<Courier>> {
    if settings.dry_run || !Courier::is_wanted(settings) {
        return None;
    }
    // A Mac that cannot say which one it is still tells how it went.
    let uuid = host.hardware_uuid().await.unwrap_or_else(|_| "unknown".to_owned());
    let place = (host.root().to_owned(), host.trusted_owner());
    Some(Courier::new(settings, uuid, Http::new(network.clone()), place, troubles))
}
