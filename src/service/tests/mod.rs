//! The service over real HTTP, on a real PostgreSQL, as a role that may read prod only.

mod documents;
mod edge;
mod errors;
mod events;
mod freshness;
mod gate;
mod lookups;
mod pipeline;
mod runs;
mod slow;
mod support;
