//! Commands through a pooler of connections.

use crate::pooler::{PORT, Pooler, Shares};
use crate::support::Project;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_through_a_pooler_is_refused_with_what_to_do() {
    let project = Project::new(&[
        ("models/prod/a.sql", "select 1 as a"),
        ("models/prod/a.yml", "models: [{name: a, columns: [{name: a, tests: [unique]}]}]"),
    ])
    .await;
    let through = |pooler: &Pooler| {
        let folder = pooler.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://{}@{folder}:{PORT}/{}", pooler.user, project.database.name)
    };
    let shared = Pooler::before(&project.database, Shares::Transactions).await;
    let of_own = Pooler::before(&project.database, Shares::Sessions).await;
    for arguments in [&["run"][..], &["test"], &["check"], &["serve", "--port", "0"]] {
        let ended = project.elt_at(&through(&shared), arguments).expect(2);
        ended.says("shares sessions between transactions").says("pool_mode = session");
    }
    for arguments in [&["run"][..], &["test"], &["check"], &["show", "a"]] {
        project.elt_at(&through(&of_own), arguments).expect(0);
    }
    // A reader who is the owner after all would be worse than none.
    let ended = project.elt_at(&through(&of_own), &["serve", "--port", "0"]).expect(2);
    ended.says("does not pass on how a session is to be set up").says("name the server's own address");
}
