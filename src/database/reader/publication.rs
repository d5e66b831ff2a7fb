//! What one run published, read by one statement and so from one moment: its number, the voucher segments
//! where there are any, and how relations are served.

use jiff::Timestamp;
use tokio_postgres::{Client, Row};

use super::{ReadError, classify};
use crate::database::DatabaseError;
use crate::database::catalog::{ENDPOINTS, PUBLICATION};
use crate::endpoint::Published;
use crate::name::{Ident, Relation};

/// What the newest run left in prod.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub run_id: i64,
    pub published_at: Timestamp,
    /// `None`: the project makes no vouchers.
    pub segments: Option<Vec<PublishedSegment>>,
    /// Why a relation of the segments' name is none of them.
    pub no_segments: Option<String>,
    pub endpoints: Vec<Published>,
}

/// One row of `segments_derived`. Amounts are PostgreSQL's numeric text, digit for digit.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedSegment {
    pub country_code: String,
    pub segment_type: String,
    pub segment_name: String,
    /// Both ends belong to the segment. Orders, or whole days since the last order.
    pub lower_value: i64,
    /// `None`: no upper bound.
    pub upper_value: Option<i64>,
    pub voucher_amount: String,
    pub segment_rows: i64,
    pub winner_rows: i64,
    pub runner_up_amount: Option<String>,
    pub runner_up_rows: Option<i64>,
    pub is_tie: bool,
    pub low_support: bool,
}

pub(super) async fn read(client: &Client, schema: &Ident) -> Result<Publication, ReadError> {
    let failed = |error: tokio_postgres::Error| classify(error.into());
    let unreadable = |error: tokio_postgres::Error| ReadError::Unreadable(error.into());
    let there = "select to_regclass($1) is not null, to_regclass($2) is not null";
    let names = [relation(schema, "segments_derived").to_string(), relation(schema, ENDPOINTS).to_string()];
    let there = client.query_one(there, &[&names[0], &names[1]]).await.map_err(failed)?;
    let (vouchers, endpoints) = (there.get(0), there.get(1));
    // Not prepared beforehand: publishing replaces the tables, and with them every plan made for them.
    let mut read = client.query(&statement(schema, vouchers, endpoints), &[]).await;
    let mut no_segments = None;
    if let Some(error) = read.as_ref().err().filter(|error| vouchers && has_other_columns(error)) {
        no_segments = Some(error.as_db_error().map_or_else(String::new, |error| error.message().to_owned()));
        read = client.query(&statement(schema, false, endpoints), &[]).await;
    }
    let vouchers = vouchers && no_segments.is_none();
    let rows = read.map_err(failed)?;
    let first = rows.first().ok_or(ReadError::Unpublished)?;
    let is_here = first.try_get::<_, Option<bool>>("is_here").map_err(unreadable)?.is_some();
    let segments = if is_here { rows.iter().map(segment).collect() } else { Ok(Vec::new()) };
    let endpoints: Option<String> = first.try_get("endpoints").map_err(unreadable)?;
    Ok(Publication {
        run_id: first.try_get("run_id").map_err(unreadable)?,
        published_at: first.try_get("published_at").map_err(unreadable)?,
        segments: if vouchers { Some(segments.map_err(unreadable)?) } else { None },
        no_segments,
        endpoints: match endpoints.as_deref().map(serde_json::from_str) {
            None => Vec::new(),
            Some(Ok(endpoints)) => endpoints,
            Some(Err(error)) => {
                let message = format!("{} holds what this elt does not know: {error}", names[1]);
                return Err(ReadError::Unreadable(DatabaseError::new(message)));
            }
        },
    })
}

/// Somebody's own model of that name: what is not there cannot be read, and the rest can.
fn has_other_columns(error: &tokio_postgres::Error) -> bool {
    // undefined_column, cannot_coerce.
    matches!(error.code().map(tokio_postgres::error::SqlState::code), Some("42703" | "42846"))
}

fn relation(schema: &Ident, name: &str) -> Relation {
    Relation::new(schema.clone(), Ident::new(name).expect("all three names are short and not empty"))
}

/// One row for each segment, or a single one without; the rest is the same in each.
fn statement(schema: &Ident, vouchers: bool, endpoints: bool) -> String {
    let publication = relation(schema, PUBLICATION);
    let endpoints = match endpoints {
        true => {
            format!("(select json_agg(e order by e.path)::text from {} as e)", relation(schema, ENDPOINTS))
        }
        false => "null::text".to_owned(),
    };
    // The casts let a model's author choose any whole-number or numeric type.
    let segments = match vouchers {
        true => format!(
            "select country_code::text, segment_type::text, segment_name::text, lower_value::int8, \
             upper_value::int8, voucher_amount::numeric::text as voucher_amount, segment_rows::int8, \
             winner_rows::int8, runner_up_amount::numeric::text as runner_up_amount, runner_up_rows::int8, \
             is_tie::bool, low_support::bool, true as is_here from {}",
            relation(schema, "segments_derived")
        ),
        false => "select true as is_here where false".to_owned(),
    };
    format!(
        "select p.run_id::int8, p.published_at::timestamptz, {endpoints} as endpoints, s.* \
         from {publication} as p left join ({segments}) as s on true"
    )
}

fn segment(row: &Row) -> Result<PublishedSegment, tokio_postgres::Error> {
    Ok(PublishedSegment {
        country_code: row.try_get("country_code")?,
        segment_type: row.try_get("segment_type")?,
        segment_name: row.try_get("segment_name")?,
        lower_value: row.try_get("lower_value")?,
        upper_value: row.try_get("upper_value")?,
        voucher_amount: row.try_get("voucher_amount")?,
        segment_rows: row.try_get("segment_rows")?,
        winner_rows: row.try_get("winner_rows")?,
        runner_up_amount: row.try_get("runner_up_amount")?,
        runner_up_rows: row.try_get("runner_up_rows")?,
        is_tie: row.try_get("is_tie")?,
        low_support: row.try_get("low_support")?,
    })
}
