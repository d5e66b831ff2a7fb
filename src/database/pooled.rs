//! Whether what looks like a session is one. A pooler in transaction mode gives each transaction whichever
//! connection is free; then a lock stays with nobody, and settings, temporary tables and cursors turn up elsewhere.

use super::{Connector, DatabaseError, Session};

/// A setting that nobody reads.
const MARK: &str = "elt.heard";

impl Connector {
    /// Opens a session that is one.
    pub async fn session(&self) -> Result<Session, DatabaseError> {
        let session = self.connect().await?;
        self.refuse_pooled(&session).await?;
        Ok(session)
    }

    /// An error that says what to do, where sessions of this connector, of which `session` is one, are none. Costs
    /// a second session only where the server listens elsewhere than was asked for.
    pub async fn refuse_pooled(&self, session: &Session) -> Result<(), DatabaseError> {
        let mark = format!("{:016x}", rand::random::<u64>());
        let sql = format!(
            "select current_setting('port') || ' ' || coalesce(host(inet_server_addr()), '') \
             from set_config('elt.session', '{mark}', false)"
        );
        let listens = session.value(&sql).await?.unwrap_or_default();
        if listens.split_once(' ').is_some_and(|(port, address)| self.leads_to(port, address)) {
            return Ok(());
        }
        // Poolers hand out the connection that was used last.
        let other = self.connect().await?;
        let seen = other.value("select current_setting('elt.session', true)").await?;
        if seen != Some(mark) {
            return Ok(());
        }
        Err(DatabaseError::new(
            "the connection goes through a pooler that shares sessions between transactions, and elt needs sessions of \
             its own, for its run lock, its temporary tables and the rights it reads with; name the server's own \
             address, or give elt a pool of whole sessions (pgbouncer: pool_mode = session)",
        ))
    }

    /// An error that says what to do, where a pooler refuses or drops what this connector says of its sessions: who
    /// reads would not be the reader. A server that is away is waited for later.
    pub async fn refuse_deaf(&self) -> Result<(), DatabaseError> {
        let lost = match self.with_setting(MARK, "said").connect().await {
            Ok(session) => {
                let heard = session.value(&format!("select current_setting('{MARK}', true)")).await?;
                heard.as_deref() != Some("said")
            }
            // pgbouncer's own words, in whatever language the server speaks.
            Err(error) => error.message.contains("unsupported startup parameter"),
        };
        if !lost {
            return Ok(());
        }
        Err(DatabaseError::new(
            "the connection goes through a pooler that does not pass on how a session is to be set up (pgbouncer passes no \
             `options`), and the service would not read as the role that may read prod only; name the server's own address",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_database::TestDatabase;
    use crate::test_pooler::{PORT, Pooler, Shares};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pooler_of_transactions_is_told_from_a_server() {
        let database = TestDatabase::new().await;
        let direct = database.session().await;
        database.connector.refuse_pooled(&direct).await.unwrap();

        let pooler = Pooler::before(&database, Shares::Transactions).await;
        let pooled = Connector::from_socket(pooler.folder.path(), PORT, &pooler.user, &database.name);
        let refused = pooled.session().await.err().unwrap().to_string();
        assert!(refused.contains("pgbouncer: pool_mode = session"), "{refused}");
        // The port may be the server's own: only the address tells.
        assert!(!pooled.leads_to(&PORT.to_string(), "10.0.0.1") && pooled.leads_to(&PORT.to_string(), ""));
        let named = Connector::from_url(&format!("postgres://me@db.example:{PORT}/x")).unwrap();
        assert!(!named.leads_to(&PORT.to_string(), "10.0.0.1"));
    }
}
