//! Whether what looks like a session is one. A pooler in transaction mode gives each transaction whichever
//! connection is free; then a lock stays with nobody, and settings, temporary tables and cursors turn up elsewhere.

use super::{Connector, DatabaseError, Session};

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
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::sync::Mutex;

    use super::*;
    use crate::test_database::TestDatabase;

    const PORT: u16 = 6432;

    /// Type, length and content.
    async fn message(stream: &mut UnixStream) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 5];
        stream.read_exact(&mut bytes).await.ok()?;
        let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
        bytes.resize(length + 1, 0);
        stream.read_exact(&mut bytes[5..]).await.ok()?;
        Some(bytes)
    }

    /// All that the server says until it is ready; whether it is in a transaction.
    async fn answer(server: &mut UnixStream) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        loop {
            let one = message(server).await.unwrap();
            all.extend_from_slice(&one);
            if one[0] == b'Z' {
                return (all, one[5] != b'I');
            }
        }
    }

    /// One connection to the server, of which each transaction of each client has its turn.
    async fn pool(socket: &Path, user: &str, database: &str, clients: UnixListener) {
        let mut server = UnixStream::connect(socket).await.unwrap();
        let parameters = format!("user\0{user}\0database\0{database}\0\0");
        let length = u32::try_from(parameters.len()).unwrap() + 8;
        let hello = [&length.to_be_bytes(), &196_608_u32.to_be_bytes(), parameters.as_bytes()].concat();
        server.write_all(&hello).await.unwrap();
        let (greeting, _) = answer(&mut server).await;
        let server = Arc::new(Mutex::new(server));
        while let Ok((mut client, _)) = clients.accept().await {
            let (server, greeting) = (server.clone(), greeting.clone());
            tokio::spawn(async move {
                let length = client.read_u32().await.unwrap() as usize;
                client.read_exact(&mut vec![0; length - 4]).await.unwrap();
                client.write_all(&greeting).await.unwrap();
                let mut turn = None;
                while let Some(asked) = message(&mut client).await.filter(|asked| asked[0] != b'X') {
                    let server = match &mut turn {
                        Some(turn) => turn,
                        None => turn.insert(server.lock().await),
                    };
                    server.write_all(&asked).await.unwrap();
                    if matches!(asked[0], b'Q' | b'S') {
                        let (told, goes_on) = answer(server).await;
                        client.write_all(&told).await.unwrap();
                        turn = turn.filter(|_| goes_on);
                    }
                }
            });
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pooler_of_transactions_is_told_from_a_server() {
        let database = TestDatabase::new().await;
        let direct = database.session().await;
        database.connector.refuse_pooled(&direct).await.unwrap();

        let value = async |sql: &str| direct.value(sql).await.unwrap().unwrap();
        let user = value("select current_user").await;
        let folder = value("select split_part(current_setting('unix_socket_directories'), ',', 1)").await;
        let socket = format!("{folder}/.s.PGSQL.{}", value("select current_setting('port')").await);
        let here = tempfile::tempdir().unwrap();
        let clients = UnixListener::bind(here.path().join(format!(".s.PGSQL.{PORT}"))).unwrap();
        let (name, owner) = (database.name.clone(), user.clone());
        let pooling = tokio::spawn(async move { pool(Path::new(&socket), &owner, &name, clients).await });
        let pooled = Connector::from_socket(here.path(), PORT, &user, &database.name);
        let refused = pooled.session().await.err().unwrap().to_string();
        assert!(refused.contains("pgbouncer: pool_mode = session"), "{refused}");
        // The port may be the server's own: only the address tells.
        assert!(!pooled.leads_to(&PORT.to_string(), "10.0.0.1") && pooled.leads_to(&PORT.to_string(), ""));
        let named = Connector::from_url(&format!("postgres://me@db.example:{PORT}/x")).unwrap();
        assert!(!named.leads_to(&PORT.to_string(), "10.0.0.1"));
        pooling.abort();
    }
}
