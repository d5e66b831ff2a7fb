//! Everything that speaks to PostgreSQL: connecting, sessions, elt's own tables. No other module names
//! tokio-postgres.

mod connect;
mod error;
mod tls;

pub use connect::{Connector, Session};
pub use error::{DatabaseError, Place};
