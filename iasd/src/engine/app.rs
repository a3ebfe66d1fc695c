//! One application out of an archive or a disk image, copied into its place.

use super::{Ending, Engine};
use crate::{download::VerifiedArtifact, host::AppCopy};
use shared::{
    event::{ItemEnd, SkipReason},
    exit::Ended,
    item::{AppTarget, Item},
    plan::{presence, verdict},
};

impl Engine {
    /// Whether the application is there already, as it is wanted.
    pub(super) async fn app_is_there(&self, item: &Item, app: &AppTarget) -> Option<SkipReason> {
        let found = self.host.probe(&[presence::trace_of(app)]).await;
        if item.always_install { None } else { presence::skip_reason(&presence::judge_app(app, &found)?) }
    }

    /// Puts it in place. Beside everything else: only packages need the lane.
    pub(super) async fn app(&self, item: &Item, archive: &VerifiedArtifact) -> Result<ItemEnd, Ending> {
        let Some(app) = &item.app else {
            return Ok(ItemEnd::DownloadFailed("the control file does not say which application".to_owned()));
        };
        let Some(into) = app.path.parent() else {
            return Ok(ItemEnd::DownloadFailed(format!("{} is no place for an application", app.path)));
        };
        self.begin(item).await?;
        let order = AppCopy { archive, app: app.path.file_name(), into: &into, team_ids: &item.team_ids };
        Ok(match self.host.copy_app(order).await {
            Ok(()) => ItemEnd::Done,
            Err(error) => verdict::failed(item.kind, Ended::Failed(error.to_string())),
        })
    }
}
