//! A gate at which runs wait until the test lets them through: an advisory lock of the test's own database.

use std::time::{Duration, Instant};

use elt::database::Session;

use crate::support::Project;

/// A model that waits at the gate.
pub const GATE: &str = "{{ config(materialized='table') }} select 1 as n from pg_advisory_lock_shared(4711)";

/// Closed while it lives.
pub struct Gate(Session);

impl Gate {
    pub async fn closed(project: &Project) -> Self {
        let session = project.database.session().await;
        session.run("select pg_advisory_lock(4711)").await.expect("nobody else holds it");
        Self(session)
    }

    pub async fn open(self) {
        self.0.run("select pg_advisory_unlock(4711)").await.expect("it was held");
    }

    /// Waits until a run waits here.
    pub async fn somebody_comes(&self) {
        let sql = "select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = 4711 \
                   and not granted and database = (select oid from pg_database where datname = current_database())";
        let until = Instant::now() + Duration::from_secs(20);
        while self.0.value(sql).await.expect("locks can be looked at").as_deref() != Some("t") {
            assert!(Instant::now() < until, "no run came to the gate");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
