//! Tests through the front door: the real binary, a real PostgreSQL, a database each.

#[path = "../support/database.rs"]
mod database;
mod server;
mod support;
mod twice;

mod adhoc;
mod artifacts;
mod bad_rows;
mod boards;
mod built_in_tests;
mod configured;
mod contracts;
mod customer_360;
mod docs;
mod endpoints;
mod failures;
mod formats;
mod freshness;
mod history;
mod hooks;
mod import;
mod incremental;
mod incremental_loads;
mod inputs;
mod json_api;
mod judged_tests;
mod lineage;
mod loading;
mod main_job;
mod materialized_views;
mod object_store;
mod other_database;
mod pages;
mod readers;
mod sample_api;
mod selection;
mod selectors;
mod service;
mod snapshots;
mod spelling;
mod starter;
mod traces;
mod unit_tests;
mod walls;
mod watch;
