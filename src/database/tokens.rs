//! The record of the service's tokens, in elt's own schema. A change is told to services at once.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::reader::TOKENS_CHANNEL;
use super::{DatabaseError, Session};
use crate::token::{Digest, Scope, Token};

/// A token to be kept.
pub struct NewToken<'a> {
    pub prod_schema: &'a str,
    pub name: &'a str,
    pub scope: Scope,
    pub digest: Digest,
    pub created_by: &'a str,
    pub expires_at: Option<Timestamp>,
}

/// Keeps a token. False: a live one has this name.
pub async fn create(session: &Session, token: &NewToken<'_>) -> Result<bool, DatabaseError> {
    let sql = "insert into elt.tokens (prod_schema, name, scope, digest, created_by, expires_at) \
               values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
    let digest = token.digest.0.as_slice();
    let scope = token.scope.name();
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&token.prod_schema, &token.name, &scope, &digest, &token.created_by, &token.expires_at];
    let made = session.client.execute(sql, &values).await? == 1;
    tell(session).await?;
    Ok(made)
}

/// Every token there ever was, the newest first.
pub async fn all(session: &Session, prod_schema: &str) -> Result<Vec<Token>, DatabaseError> {
    read(session, prod_schema, "true").await
}

/// Those that are not revoked. Where elt's schema is not there yet, there is none.
pub async fn live(session: &Session, prod_schema: &str) -> Result<Vec<Token>, DatabaseError> {
    match read(session, prod_schema, "revoked_at is null").await {
        Err(error) if error.is("42P01") || error.is("3F000") => Ok(Vec::new()),
        read => read,
    }
}

/// Ends a token; false if no live one has this name.
pub async fn revoke(session: &Session, prod_schema: &str, name: &str) -> Result<bool, DatabaseError> {
    let sql = "update elt.tokens set revoked_at = now() \
               where prod_schema = $1 and name = $2 and revoked_at is null";
    let revoked = session.client.execute(sql, &[&prod_schema, &name]).await? == 1;
    tell(session).await?;
    Ok(revoked)
}

async fn tell(session: &Session) -> Result<(), DatabaseError> {
    session.run(&format!("notify {TOKENS_CHANNEL}")).await?;
    Ok(())
}

async fn read(session: &Session, prod_schema: &str, which: &str) -> Result<Vec<Token>, DatabaseError> {
    let sql = format!(
        "select id, name, scope, digest, created_at, created_by, expires_at, revoked_at from elt.tokens \
         where prod_schema = $1 and {which} order by id desc"
    );
    let rows = session.client.query(&sql, &[&prod_schema]).await?;
    rows.iter().map(token).collect()
}

fn token(row: &Row) -> Result<Token, DatabaseError> {
    let scope: &str = row.get(2);
    let digest: &[u8] = row.get(3);
    Ok(Token {
        id: row.get(0),
        name: row.get(1),
        scope: scope.parse().map_err(DatabaseError::new)?,
        digest: Digest(digest.try_into().map_err(|_| DatabaseError::new("a digest has not 32 bytes"))?),
        created_at: row.get(4),
        created_by: row.get(5),
        expires_at: row.get(6),
        revoked_at: row.get(7),
    })
}
