//! elt: a folder of SQL models and CSV rules becomes loaded raw tables, tested stage tables and a prod
//! layer published all at once, served by HTTP.
//!
//! The shape of the code is the way the data goes:
//!
//! ```text
//! project     files of the folder, read and checked              (pure: files in, types out)
//! template    dbt's Jinja on minijinja, with places kept         (pure; the only one that knows minijinja)
//! manifest    who refers to whom, what was asked for, the SQL    (pure)
//! sql         PostgreSQL's grammar without a server              (pure; the only one that knows squawk)
//! lineage     which column comes from which                      (pure)
//! docs        the site that describes a project                  (pure)
//! layout      where each node of a graph stands in a picture     (pure)
//! source      where raw rows come from: file, http, sample       (files and sockets, no database)
//! inference   which exact type a column of texts has             (pure)
//! generate    the project's own sample data                      (pure, seeded)
//! deps        packages from git or a folder, and the lock file   (files; starts git)
//! import      a dbt project's folder made an elt project         (files)
//! starter     the files of a new project                         (files)
//! cluster     a private PostgreSQL started by elt                (processes and files)
//! engine      which PostgreSQL a target means
//! database    sessions, migrations, lock, ledger, history        (the only one that knows tokio-postgres)
//! schema      JSON Schemas of the YAML files, for editors        (texts)
//! artifacts   manifest.json and its kin, for other tools         (files; no database)
//! run         load, build, test, publish, sweep
//! telemetry   traces of runs, by OTLP over HTTP
//! webhook     tells an address how runs ended
//! schedule    runs at their hour while the service runs
//! desk        answers the service's requests for runs
//! service     HTTP over the published layer                      (the only one that knows actix-web)
//! watch       which files were saved                             (the only one that knows notify)
//! cli         arguments and terminal                             (the only one that knows clap and prints)
//! ```
//!
//! What they pass to each other is in `name`, `diagnostic`, `secret`, `token`, `endpoint`, `overview` and `pipeline`.
//!
//! `run` and `service` never meet: the service asks for a run through the [`pipeline::Pipeline`] trait.

pub mod artifacts;
pub mod cli;
pub mod cluster;
pub mod database;
pub mod deps;
pub mod desk;
pub mod diagnostic;
pub mod docs;
pub mod endpoint;
pub mod engine;
pub mod generate;
pub mod import;
pub mod inference;
pub mod layout;
pub mod lineage;
pub mod manifest;
pub mod name;
pub mod overview;
pub mod pipeline;
pub mod project;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod secret;
pub mod service;
pub mod source;
pub mod sql;
pub mod starter;
pub mod telemetry;
pub mod template;
pub mod token;
pub mod watch;
pub mod webhook;

// Tests of modules stand on the same private PostgreSQL as those through the front door.
#[cfg(test)]
extern crate self as elt;
#[cfg(test)]
#[path = "../tests/support/database.rs"]
pub mod test_database;
#[cfg(test)]
#[path = "../tests/support/pooler.rs"]
pub mod test_pooler;
