//! From a request to a run that holds the lock: nothing is built before it is known that it may be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::forecast::foresee;
use super::kept::Kept;
use super::sweep::{build_schema, sweep};
use super::unchanged::{Facts, Judge, Texts};
use super::{Begun, Place, Plan, Request};
use crate::database::history::{self, Failure, Holder, NewRun};
use crate::database::{DatabaseError, Session, catalog, kept, migrate, schemas};
use crate::diagnostic::Diagnostic;
use crate::manifest::Manifest;
use crate::name::Ident;
use crate::project::Layer;

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("run {} ({} by {} on {}) is under way since {}", holder.id, holder.command, holder.started_by, holder.host, holder.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"))]
    Busy { holder: Holder },
    /// The lock is held, but by nobody who wrote down who it is.
    #[error("another run is about to begin")]
    BusyUnknown,
    /// What is otherwise than when the plan was made.
    #[error("the plan cannot be followed any more:\n{}", .0.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n"))]
    Outdated(Vec<String>),
    #[error("the project cannot be run")]
    Problems(Vec<Diagnostic>),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How long to wait for the lock of a run whose process has just died.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, takes the run lock, cleans up after dead runs and plans. Two runs at once: the second is
/// refused and told who holds the lock.
pub async fn prepare(place: &Place, manifest: Arc<Manifest>, request: &Request) -> Result<Begun, RunError> {
    let texts = Texts::beside(&manifest, &place.target);
    let mut control = place.connector.session().await?;
    migrate(&mut control).await?;
    let prod = manifest.schema(Layer::Prod).as_str().to_owned();
    check_version(&control).await?;
    take_lock(&control, &prod).await?;
    for dead in history::bury_dead(&control, &prod).await? {
        history::end_sessions_of(&control, dead).await?;
    }
    if request.retried.is_none() {
        kept::forget(&control, &prod).await?;
    }
    sweep(&control, &prod).await?;

    let host = host_name();
    let id = history::begin(
        &control,
        &NewRun {
            target: &place.target.name,
            prod_schema: &prod,
            command: &request.command,
            host: &host,
            started_by: &user(),
            request: &serde_json::to_string(&request.written(&manifest, &place.secrets))
                .expect("names and lists are JSON"),
        },
    )
    .await?;
    match begin(&control, place, &manifest, request, id, texts).await {
        Ok((plan, judge, kept)) => {
            Ok(Begun { id, control, place: place.clone(), manifest, plan, judge, kept })
        }
        Err(error) => {
            let told = match &error {
                RunError::Problems(problems) => problems.first(),
                _ => None,
            };
            let failure = match told {
                Some(problem) => Failure::of("plan", problem, &place.secrets),
                None => Failure { step: "plan".to_owned(), error: error.to_string(), excerpt: None },
            };
            let failed = crate::pipeline::RunStatus::Failed;
            // The first error is the one to tell; that it could not be recorded too adds nothing.
            let _ = history::finish(&control, id, failed, Some(&failure)).await;
            let _ = sweep(&control, &prod).await;
            Err(error)
        }
    }
}

async fn begin(
    control: &Session,
    place: &Place,
    manifest: &Manifest,
    request: &Request,
    id: i64,
    texts: impl Future<Output = Texts>,
) -> Result<(Plan, Judge, Kept), RunError> {
    refuse_schemas_of_others(control, manifest).await?;
    let (mut plan, mut judge) = weigh(control, place, manifest, request, texts).await?;
    if let Some(planned) = &request.planned {
        let silent: Arc<dyn super::Observer> = Arc::new(super::Silent);
        let foreseen = foresee(place, manifest, &plan, &mut judge, &silent).await;
        let now = foreseen.map_err(|problem| RunError::Problems(vec![*problem]))?;
        let outdated = planned.outdated(place, manifest, &now.steps, &now.tests, control).await?;
        if !outdated.is_empty() {
            return Err(RunError::Outdated(outdated));
        }
        plan.expected = now.steps.into_iter().filter_map(|step| Some((step.id, step.content?))).collect();
    }
    plan.build_schema = build_schema(id);
    judge.begin(id);
    history::record_plan(control, id, &super::outline::outline(manifest, &plan)).await?;
    let kept = Kept::read(control, manifest, request.retried).await?;
    Ok((plan, judge, kept))
}

/// Plans, with all that is needed to judge the plan's nodes one after the other.
pub(super) async fn weigh(
    control: &Session,
    place: &Place,
    manifest: &Manifest,
    request: &Request,
    texts: impl Future<Output = Texts>,
) -> Result<(Plan, Judge), RunError> {
    let elsewhere = request.defer.iter().flat_map(|defer| defer.relations.values().cloned());
    let (texts, facts) = Facts::read(control, manifest, &place.target, elsewhere, texts).await?;
    let plan = Plan::make(manifest, request, &facts.existing()).map_err(RunError::Problems)?;
    let mut problems = super::build::unknown_roles(control, manifest, &plan.build).await?;
    problems.extend(super::check::broken_contracts(control, manifest, &plan.build, &plan.elsewhere).await?);
    if !problems.is_empty() {
        return Err(RunError::Problems(problems));
    }
    let judge = Judge::new(manifest, &plan, texts, facts);
    Ok((plan, judge))
}

/// Makes the schemas that a run builds in and publishes to. A run that builds nothing needs none of them.
pub(super) async fn make_room(run: &Begun) -> Result<(), DatabaseError> {
    let (control, manifest) = (&run.control, &run.manifest);
    control.prepare_for_build(run.id).await?;
    for schema in manifest.schemas() {
        if !catalog::schema_exists(control, schema).await? {
            control.run(&format!("create schema if not exists {schema}")).await?;
        }
    }
    let beside = manifest.schemas_beside();
    if !beside.is_empty() {
        schemas::claim(control, manifest.schema(Layer::Prod).as_str(), &names(&beside)).await?;
    }
    make_reader_role(control, &run.place.target.reader_role, manifest).await?;
    control.create_schema(&run.plan.build_schema).await
}

/// The oldest server that elt is made for.
const OLDEST: u32 = 14;

async fn check_version(control: &Session) -> Result<(), DatabaseError> {
    let number = control.value("select current_setting('server_version_num')").await?;
    let major = number.and_then(|number| number.parse::<u32>().ok()).unwrap_or(0) / 10_000;
    if major >= OLDEST {
        return Ok(());
    }
    Err(DatabaseError::new(format!("the server is PostgreSQL {major}; elt needs {OLDEST} or later")))
}

pub(super) async fn take_lock(control: &Session, prod: &str) -> Result<(), RunError> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if history::try_lock(control, prod).await? {
            return Ok(());
        }
        let holder = history::holder(control, prod).await?;
        // The server lets go of a dead process's lock when it notices; that takes a moment.
        let gone =
            holder.as_ref().is_some_and(|holder| holder.host == host_name() && !is_alive(holder.process_id));
        if !(gone || holder.is_none()) || tokio::time::Instant::now() > until {
            return Err(holder.map_or(RunError::BusyUnknown, |holder| RunError::Busy { holder }));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_alive(process_id: i64) -> bool {
    let id = i32::try_from(process_id).ok().and_then(rustix::process::Pid::from_raw);
    id.is_some_and(|id| match rustix::process::test_kill_process(id) {
        Ok(()) => true,
        Err(error) => error == rustix::io::Errno::PERM,
    })
}

/// Who works here, as the record names them.
pub fn user() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    name.unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw()))
}

pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The role that may read prod and nothing else. Where roles are somebody else's to make, a run goes on
/// without; `elt serve` then says what is missing.
async fn make_reader_role(control: &Session, role: &Ident, manifest: &Manifest) -> Result<(), DatabaseError> {
    if !catalog::role_exists(control, role).await? {
        match control.run(&format!("create role {role} login")).await {
            Ok(_) => {}
            // Made by another database's run in this moment, or not ours to make.
            Err(error) if error.is("42710") || error.is("23505") => {}
            Err(error) if error.is("42501") => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    // Two runs in two databases may write the same role's row at once. Another schema than prod's own may hold more
    // than prod: there each relation is granted as it is published.
    let schemas: Vec<String> = manifest.schemas_of_prod().into_iter().map(ToString::to_string).collect();
    let grant = format!(
        "grant usage on schema {} to {role}; \
         alter default privileges in schema {} grant select on tables to {role}",
        schemas.join(", "),
        manifest.schema(Layer::Prod)
    );
    control.run(&grant).await.map(drop)
}

fn names<'a>(schemas: &BTreeSet<&'a Ident>) -> Vec<&'a str> {
    schemas.iter().map(|schema| schema.as_str()).collect()
}

/// A target that builds into the schema of another one would replace what that published.
async fn refuse_schemas_of_others(control: &Session, manifest: &Manifest) -> Result<(), RunError> {
    let (beside, prod) = (manifest.schemas_beside(), manifest.schema(Layer::Prod).as_str());
    if beside.is_empty() {
        return Ok(());
    }
    let taken = schemas::of_others(control, prod, &names(&beside)).await?;
    let problems = taken.iter().map(|(schema, other)| {
        let message =
            format!("the schema `{schema}` is of another target, whose prod is the schema `{other}`");
        let node = manifest.nodes.iter().find(|node| node.schema.as_str() == schema);
        let place = node.map(|node| node.place_of("schema"));
        let hint = "let `generate_schema_name` put the target's own schema before it, as elt does without it";
        Diagnostic { location: place, ..Diagnostic::error("schema-of-another-target", message).hint(hint) }
    });
    match problems.collect::<Vec<_>>() {
        none if none.is_empty() => Ok(()),
        problems => Err(RunError::Problems(problems)),
    }
}
