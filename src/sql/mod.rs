//! Reads PostgreSQL's SQL without a server: tokens and syntax trees. The only module that knows squawk.
//! Pure; it judges nothing (the server has the last word), and what it cannot read it says so.

mod calls;
mod columns;
mod follow;
mod reads;

pub use calls::{Calls, KEYWORD_FUNCTIONS, called_functions};
pub use columns::declared_columns;
pub use follow::{Column, Followed, Input, Kind, Known, Table, Unsure, follow};
pub use reads::named_relations;
