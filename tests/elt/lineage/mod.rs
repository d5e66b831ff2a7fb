//! Column-level lineage: against PostgreSQL's own records, and by the commands.

mod commands;
mod records;
