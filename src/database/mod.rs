//! Everything that speaks to PostgreSQL: connecting, sessions, elt's own tables. No other module names
//! tokio-postgres.

mod asked;
pub mod batches;
pub mod begun;
pub mod catalog;
mod connect;
mod copy_in;
mod copy_out;
mod described;
mod error;
pub mod figures;
pub mod foreign_keys;
pub mod history;
pub mod in_the_way;
pub mod kept;
pub mod ledger;
pub mod loads;
mod migrate;
mod pooled;
pub mod progress;
mod reader;
pub mod schemas;
mod session;
mod sessions;
mod tls;
pub mod tokens;

pub use asked::ValueKind;
pub use connect::Connector;
pub use copy_in::deal;
pub use described::{Described, DescribedColumn, described};
pub use error::{DatabaseError, Place};
pub use migrate::migrate;
pub use reader::{
    After, Condition, Overview, PageRow, Publication, Publications, PublishedSegment, ReadError, Reader,
    RowFormat, RowQuery, Rows, RowsError, Sort, Stored,
};
pub use session::{Canceller, Session, TextTable, written_plainly};
pub use sessions::{Borrowed, Sessions};
