//! What a session does with a task: builds a node, or tests it.

use crate::database::Session;
use crate::database::kept::KeptNode;
use crate::manifest::NodeId;
use crate::name::Relation;
use crate::project::Materialization;
use crate::run::near::suggest;
use crate::run::plan::needed;
use crate::run::task::{Done, Problem, Shared, Task};
use crate::run::{asking, build, kept, load, unit, verify};

/// Builds a node. What it asks is asked before anything of it is made, its hooks among it.
async fn built(shared: &Shared, session: &Session, id: NodeId) -> Result<Done, Problem> {
    let heard = match shared.manifest.asks(id) {
        true => asking::of_node(shared, session, id).await?,
        false => asking::Heard::default(),
    };
    let done = match shared.manifest.node(id).materialization {
        Materialization::Load => build::around(shared, session, id, load::load(shared, session, id)).await,
        _ => build::around(shared, session, id, build::build(shared, session, id)).await,
    };
    done.map(|mut done| {
        if let Some(built) = &mut done.built {
            built.asked = heard.restless;
        }
        done
    })
}

pub(super) async fn carry_out(
    shared: &Shared,
    session: &Session,
    task: Task,
    kept: Option<KeptNode>,
) -> Done {
    if let (Task::Build(id), Some(kept)) = (task, kept) {
        match kept::take(shared, session, id, kept).await {
            Ok(done) => return done,
            Err(error) => tracing::debug!(%error, "what was kept cannot be taken over, and is built anew"),
        }
    }
    let outcome = match task {
        Task::Test(index) => verify::test(shared, session, index).await,
        Task::UnitTest(index) => unit::before_the_build(shared, session, index).await,
        Task::Build(id) => built(shared, session, id).await,
    };
    let mut done = outcome.unwrap_or_else(|problem| Done::failed(*problem));
    if let Some(problem) = &mut done.problem {
        let (manifest, plan) = (&shared.manifest, &shared.plan);
        let read = match task {
            Task::Build(id) => needed(manifest, id),
            Task::Test(test) => manifest.tests[test].text.targets.clone(),
            Task::UnitTest(_) => Vec::new(),
        };
        let read: Vec<Relation> = read.into_iter().map(|id| plan.name(manifest, None, id)).collect();
        suggest(session, manifest, problem, &read).await;
    }
    done
}
