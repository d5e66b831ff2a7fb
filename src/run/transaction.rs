//! Work of several statements that is done whole or not at all.

use super::task::Problem;
use crate::database::{DatabaseError, Session};

/// Does `work` in one transaction, which `begin` begins. `wrong` places what the server says of its beginning and end.
pub(super) async fn all_or_nothing<T>(
    session: &Session,
    begin: &str,
    wrong: impl Fn(&DatabaseError) -> Problem,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let done = async {
        session.run(begin).await.map_err(|error| wrong(&error))?;
        let done = work.await?;
        session.run("commit").await.map_err(|error| wrong(&error))?;
        Ok(done)
    };
    let done = done.await;
    if done.is_err() {
        // The first error is the one to tell; a session that is lost will be noticed by who takes it next.
        let _ = session.run("rollback").await;
    }
    done
}
