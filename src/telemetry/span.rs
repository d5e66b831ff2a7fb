//! A span, and how OTLP writes it in JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(super) struct Span {
    pub id: String,
    parent: Option<String>,
    name: String,
    started_at: Timestamp,
    pub ended_at: Timestamp,
    pub attributes: Vec<Value>,
    pub status: Status,
}

#[derive(Debug, Clone)]
pub(super) enum Status {
    Unset,
    Good,
    Failed(String),
}

impl Span {
    pub fn new(name: &str, parent: Option<String>, started_at: Timestamp) -> Self {
        Self {
            id: format!("{:016x}", rand::random::<u64>().max(1)),
            parent,
            name: name.to_owned(),
            started_at,
            ended_at: started_at,
            attributes: Vec::new(),
            status: Status::Unset,
        }
    }

    pub fn json(&self, trace_id: &str) -> Value {
        let status = match &self.status {
            Status::Unset => json!({}),
            Status::Good => json!({"code": 1}),
            Status::Failed(message) => json!({"code": 2, "message": message}),
        };
        let mut span = json!({
            "traceId": trace_id,
            "spanId": self.id,
            "name": self.name,
            // Internal: neither end of a call between programs.
            "kind": 1,
            "startTimeUnixNano": self.started_at.as_nanosecond().to_string(),
            "endTimeUnixNano": self.ended_at.max(self.started_at).as_nanosecond().to_string(),
            "attributes": self.attributes,
            "status": status,
        });
        if let Some(parent) = &self.parent {
            span["parentSpanId"] = parent.as_str().into();
        }
        span
    }
}

pub(super) fn trace_id() -> String {
    format!("{:032x}", rand::random::<u128>().max(1))
}

/// OTLP writes 64-bit numbers as text.
pub(super) fn attribute(name: &str, value: impl Into<Value>) -> Value {
    let value = match value.into() {
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::String(text) => json!({"stringValue": text}),
        other => json!({"stringValue": other.to_string()}),
    };
    json!({"key": name, "value": value})
}
