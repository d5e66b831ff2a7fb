//! Answers to what templates ask: rows with the types of their columns, and the columns of what can be read.

use tokio_postgres::types::Type;

use super::{DatabaseError, Session, TextTable};

/// Answers are held in memory, several times as large as their texts.
const MOST_BYTES: usize = 64 << 20;

/// What a column's texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Integer,
    Number,
    Boolean,
    Text,
}

impl Session {
    /// The rows of one statement as text, with the kind of each column.
    pub async fn typed_table(&self, sql: &str) -> Result<(Vec<ValueKind>, TextTable), DatabaseError> {
        let statement = self.client.prepare(sql).await?;
        let kinds = statement.columns().iter().map(|column| kind(column.type_())).collect();
        let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let tables = self.tables_within(sql, MOST_BYTES).await?;
        let rows = tables.into_iter().next_back().unwrap_or_default().rows;
        Ok((kinds, TextTable { columns, rows }))
    }

    /// The columns of a query that is not run, with their types as `format_type` writes them.
    pub async fn columns_of(&self, sql: &str) -> Result<Vec<(String, String)>, DatabaseError> {
        let statement = self.client.prepare(sql).await?;
        let columns = statement.columns();
        let types: Vec<u32> = columns.iter().map(|column| column.type_().oid()).collect();
        let modifiers: Vec<i32> = columns.iter().map(|column| column.type_modifier()).collect();
        let sql = "select format_type(kind, modifier) from unnest($1::oid[], $2::int[]) \
                   with ordinality as wanted(kind, modifier, number) order by number";
        let rows = self.client.query(sql, &[&types, &modifiers]).await?;
        let names = columns.iter().map(|column| column.name().to_owned());
        Ok(names.zip(rows.iter().map(|row| row.get(0))).collect())
    }
}

fn kind(of: &Type) -> ValueKind {
    match *of {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => ValueKind::Integer,
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => ValueKind::Number,
        Type::BOOL => ValueKind::Boolean,
        _ => ValueKind::Text,
    }
}
