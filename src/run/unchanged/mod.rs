//! Nothing twice: whether what is published is what a run would build. Decided when a node's turn comes,
//! because a load knows only then whether its source holds anything new.
//!
//! A node is left as it is where its definition is the one in the ledger, its relation stands as it was
//! published, nothing that it reads was built in this run or since, and nothing in its SQL reads the clock,
//! chance, or a table that elt does not know of.

mod calls;
mod definition;
mod earlier;
mod judge;
mod known;
mod reason;

pub(super) use calls::{restless_question, stand_in};
pub(super) use definition::text as definition_text;
pub(super) use judge::{Judge, Verdict};
pub(super) use known::{Facts, Texts};
pub(super) use reason::Reason;
