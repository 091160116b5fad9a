//! The service `ModelService`, and what keeps the models up to date with their
//! files.

use super::auth::Caller;
use super::gate::caller;
use super::health::Health;
use super::reload::{Why, follow};
use super::shutdown::Lifecycle;
use super::status::Refusal;
use super::{convert, pb};
use crate::metrics::{Metrics, Reloading};
use crate::policy::DEFAULT_SITE;
use crate::registry::{Assignment, Entry, ModelStore, Refreshed, RegistryError};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tonic::{Request, Response, Status};
use tracing::{error, info, warn};

/// How many calls there may be at a time. They are an operator's, who must get
/// through when there are too many of the others; each may read a model file.
pub(super) const MAX_CALLS: usize = 8;

/// The longest message: a site and a version.
pub(super) const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// Lists, loads, activates and takes back models.
#[derive(Debug)]
pub(super) struct Models {
    store: Arc<ModelStore>,
    health: Arc<Health>,
    lifecycle: Lifecycle,
    metrics: Arc<Metrics>,
}

impl Models {
    pub fn new(
        store: Arc<ModelStore>,
        health: Arc<Health>,
        lifecycle: Lifecycle,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { store, health, lifecycle, metrics }
    }

    /// Counts a refusal and hands it on.
    fn refuse(&self, refusal: Refusal) -> Status {
        self.metrics.refused(refusal.reason());
        refusal.into()
    }

    /// Runs what may read and write files where that holds up nobody.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ModelStore) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = Arc::clone(&self.store);
        // A panic there has been logged.
        spawn_blocking(move || work(&store)).await.map_err(|_| Refusal::Bug)?.map_err(Refusal::from)
    }

    /// The model of that version, as it is listed.
    async fn get(&self, version: String) -> Result<pb::Model, Refusal> {
        let entry = self.run(move |store| {
            let has = |entry: &Entry| entry.content.as_ref().is_ok_and(|summary| summary.version == version);
            let entry = store.list().0.into_iter().find(has);
            entry.ok_or(RegistryError::Unknown(version))
        });
        Ok(entry.await?.into())
    }

    /// The model of a site after a change of it.
    async fn changed(&self, site: String) -> Result<Option<pb::SiteModel>, Refusal> {
        count(&self.store, &self.metrics);
        self.health.refresh().await;
        let assignments = self.run(|store| Ok(store.list().1)).await?;
        // A site without a line of its own is judged by the default one.
        let of = |name: &str| assignments.iter().find(|assignment| assignment.site == name);
        let found = of(&site).or_else(|| of(DEFAULT_SITE)).cloned();
        Ok(found.map(|assignment| Assignment { site, ..assignment }.into()))
    }

    async fn list(&self, caller: &Caller) -> Result<pb::ListModelsResponse, Refusal> {
        let _call = self.lifecycle.enter()?;
        let (entries, assignments) = self.run(|store| Ok(store.list())).await?;
        let seen = |assignment: &Assignment| {
            assignment.site == DEFAULT_SITE || caller.check_site(&assignment.site).is_ok()
        };
        Ok(pb::ListModelsResponse {
            models: entries.into_iter().map(Into::into).collect(),
            site_models: assignments.into_iter().filter(seen).map(Into::into).collect(),
        })
    }

    async fn show(&self, version: String) -> Result<pb::GetModelResponse, Refusal> {
        let _call = self.lifecycle.enter()?;
        convert::check_model_version(&version).map_err(Refusal::Invalid)?;
        Ok(pb::GetModelResponse { model: Some(self.get(version).await?) })
    }

    async fn load(&self, version: String) -> Result<pb::LoadModelResponse, Refusal> {
        let _call = self.lifecycle.enter()?;
        convert::check_model_version(&version).map_err(Refusal::Invalid)?;
        let wanted = version.clone();
        self.run(move |store| store.load(&wanted)).await?;
        Ok(pb::LoadModelResponse { model: Some(self.get(version).await?) })
    }

    async fn activate(
        &self,
        caller: &Caller,
        request: pb::ActivateModelRequest,
    ) -> Result<pb::ActivateModelResponse, Refusal> {
        let _call = self.lifecycle.enter()?;
        let pb::ActivateModelRequest { model_version, site } = request;
        convert::check_model_version(&model_version).map_err(Refusal::Invalid)?;
        let site = site_of(caller, site)?;
        let changed = site.clone();
        self.run(move |store| {
            store.activate(&changed, &model_version)?;
            info!(site = changed, model_version, "a model was activated");
            Ok(())
        })
        .await?;
        Ok(pb::ActivateModelResponse { site_model: self.changed(site).await? })
    }

    async fn roll_back(&self, caller: &Caller, site: String) -> Result<pb::RollbackModelResponse, Refusal> {
        let _call = self.lifecycle.enter()?;
        let site = site_of(caller, site)?;
        let changed = site.clone();
        self.run(move |store| {
            store.roll_back(&changed)?;
            info!(site = changed, "an activation was taken back");
            Ok(())
        })
        .await?;
        Ok(pb::RollbackModelResponse { site_model: self.changed(site).await? })
    }
}

/// The site that a request is for, if the caller may change it.
fn site_of(caller: &Caller, site: String) -> Result<String, Refusal> {
    convert::check_site(&site).map_err(Refusal::Invalid)?;
    if site.is_empty() || site == DEFAULT_SITE {
        caller.check_every_site()?;
        return Ok(DEFAULT_SITE.to_owned());
    }
    caller.check_site(&site)?;
    Ok(site)
}

#[tonic::async_trait]
impl pb::model_service_server::ModelService for Models {
    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let caller = caller(&request)?;
        self.list(&caller).await.map(Response::new).map_err(|refusal| self.refuse(refusal))
    }

    async fn get_model(
        &self,
        request: Request<pb::GetModelRequest>,
    ) -> Result<Response<pb::GetModelResponse>, Status> {
        let version = request.into_inner().model_version;
        self.show(version).await.map(Response::new).map_err(|refusal| self.refuse(refusal))
    }

    async fn load_model(
        &self,
        request: Request<pb::LoadModelRequest>,
    ) -> Result<Response<pb::LoadModelResponse>, Status> {
        let version = request.into_inner().model_version;
        self.load(version).await.map(Response::new).map_err(|refusal| self.refuse(refusal))
    }

    async fn activate_model(
        &self,
        request: Request<pb::ActivateModelRequest>,
    ) -> Result<Response<pb::ActivateModelResponse>, Status> {
        let caller = caller(&request)?;
        let activated = self.activate(&caller, request.into_inner()).await;
        activated.map(Response::new).map_err(|refusal| self.refuse(refusal))
    }

    async fn rollback_model(
        &self,
        request: Request<pb::RollbackModelRequest>,
    ) -> Result<Response<pb::RollbackModelResponse>, Status> {
        let caller = caller(&request)?;
        let rolled_back = self.roll_back(&caller, request.into_inner().site).await;
        rolled_back.map(Response::new).map_err(|refusal| self.refuse(refusal))
    }
}

impl From<Entry> for pb::Model {
    fn from(entry: Entry) -> pb::Model {
        let file_name = entry.file.unwrap_or_default();
        match entry.content {
            Ok(summary) => pb::Model {
                model_version: summary.version,
                file_name,
                problem: String::new(),
                attributes: convert::attributes(summary.attributes),
                golden_comment_count: i32::try_from(summary.golden_count).unwrap_or(i32::MAX),
                trainer_version: summary.trainer,
            },
            Err(problem) => pb::Model { file_name, problem, ..pb::Model::default() },
        }
    }
}

impl From<Assignment> for pb::SiteModel {
    fn from(assignment: Assignment) -> pb::SiteModel {
        let Assignment { site, version, pinned, previous } = assignment;
        let (model_version, previous_model_version) =
            (version.unwrap_or_default(), previous.unwrap_or_default());
        pb::SiteModel { site, model_version, pinned, previous_model_version }
    }
}

/// Looks at the files of the models anew whenever one of them changes, and on
/// SIGHUP in any case. What can be used serves at once; what cannot leaves what
/// served before. Never ends, unless nothing can change.
pub(super) async fn follow_models(store: Arc<ModelStore>, health: Arc<Health>, metrics: Arc<Metrics>) {
    count(&store, &metrics);
    if store.files().is_empty() {
        return;
    }
    let (looked, runtime) = (Arc::clone(&store), Handle::current());
    let followed = follow(
        move || looked.files(),
        move |why| {
            let refreshed = store.refresh(why == Why::Asked);
            if why == Why::Asked && refreshed == Refreshed::default() {
                info!("the models were looked at anew and are the same");
            }
            report_models(&store, &refreshed, &metrics);
            runtime.block_on(health.refresh());
        },
    );
    match followed {
        Ok(followed) => followed.await,
        Err(error) => warn!(reason = %error, "the files of the models are not followed"),
    }
}

/// Says which models serve.
fn count(store: &ModelStore, metrics: &Metrics) {
    let serving = store.current();
    metrics.set_models(serving.sites().filter_map(|(_, moderator)| Some(moderator?.model())));
}

/// Logs and counts what came of looking at the files of the models, a line for
/// each thing.
pub fn report_models(store: &ModelStore, refreshed: &Refreshed, metrics: &Metrics) {
    let serving = store.current();
    refreshed.problems.iter().for_each(|_| metrics.reloaded(Reloading::Model, false));
    if !refreshed.changed.is_empty() {
        metrics.reloaded(Reloading::Model, true);
        count(store, metrics);
    }
    for problem in &refreshed.problems {
        if serving.is_ready() {
            warn!(problem, "a model cannot be used; what serves goes on");
        } else {
            error!(problem, "a model cannot be used; health says NOT_SERVING until it can");
        }
    }
    for (site, model_version) in &refreshed.changed {
        info!(site, model_version = model_version.as_deref(), "a model serves");
        let Some(moderator) = serving.site(site).filter(|_| model_version.is_some()) else { continue };
        if moderator.model().metadata().golden.is_empty() {
            warn!(
                model_version,
                "the model has no golden comments, so that its self-test could test nothing"
            );
        }
    }
}
