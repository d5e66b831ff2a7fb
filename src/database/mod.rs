//! Everything that speaks to PostgreSQL: connecting, sessions, elt's own tables. No other module names
//! tokio-postgres.

mod connect;
mod error;
mod reader;
mod tls;

pub use connect::{Connector, Session};
pub use error::{DatabaseError, Place};
pub use reader::{Publication, Publications, PublishedSegment, ReadError, Reader};
