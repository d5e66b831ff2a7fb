//! The other end of a COPY: what a query yields, and its rows as the server sends them.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::catalog::Column;
use super::{DatabaseError, Session};

/// Rows come one message each; they are passed on by so many bytes.
const CHUNK_BYTES: usize = 128 * 1024;

impl Session {
    /// The columns that a query yields. Runs nothing.
    pub async fn describe(&self, query: &str) -> Result<Vec<Column>, DatabaseError> {
        let statement = self.client.prepare(query).await?;
        let oids: Vec<u32> = statement.columns().iter().map(|column| column.type_().oid()).collect();
        let modifiers: Vec<i32> = statement.columns().iter().map(|column| column.type_modifier()).collect();
        let sql = "select format_type(t.oid, t.modifier) \
                   from unnest($1::oid[], $2::int[]) with ordinality as t(oid, modifier, at) order by t.at";
        let types = self.client.query(sql, &[&oids, &modifiers]).await?;
        let columns = statement.columns().iter().zip(oids).zip(types);
        Ok(columns
            .map(|((column, type_oid), row)| Column {
                name: column.name().to_owned(),
                type_oid,
                data_type: row.get(0),
                modifier: -1,
                not_null: false,
                is_domain: false,
            })
            .collect())
    }

    /// Sends what a `COPY … TO STDOUT` yields into `chunks`; ends early when nobody takes them.
    pub async fn copy_out<E>(
        &self,
        statement: &str,
        chunks: &mpsc::Sender<Result<Bytes, E>>,
    ) -> Result<(), DatabaseError> {
        let stream = self.client.copy_out(statement).await?;
        let mut stream = std::pin::pin!(stream);
        let mut waiting = BytesMut::with_capacity(CHUNK_BYTES);
        while let Some(row) = stream.next().await {
            waiting.extend_from_slice(&row?);
            if waiting.len() >= CHUNK_BYTES {
                let full = std::mem::replace(&mut waiting, BytesMut::with_capacity(CHUNK_BYTES)).freeze();
                if chunks.send(Ok(full)).await.is_err() {
                    return Ok(());
                }
            }
        }
        // Who left has an error of its own to tell.
        let _ = chunks.send(Ok(waiting.freeze())).await;
        Ok(())
    }
}
