//! A line for each answer. Who starts the service says where they go; else they are events like any other.

use std::time::Duration;

use jiff::Timestamp;

/// Their target, among events.
pub const TARGET: &str = "elt::access";

pub trait AccessLog: Send + Sync {
    fn answered(&self, answered: &Answered<'_>);
}

/// An answer, as it is logged.
pub struct Answered<'a> {
    pub at: Timestamp,
    pub request_id: &'a str,
    /// The caller's, where the request is part of one.
    pub trace_id: Option<&'a str>,
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub took: Duration,
}

impl Answered<'_> {
    pub fn as_event(&self) {
        tracing::info!(
            target: TARGET,
            request_id = self.request_id,
            trace_id = self.trace_id,
            method = %self.method,
            path = self.path,
            status = self.status,
            duration_us = self.took.as_micros() as u64,
            "answered"
        );
    }
}

pub struct Events;

impl AccessLog for Events {
    fn answered(&self, answered: &Answered<'_>) {
        answered.as_event();
    }
}
