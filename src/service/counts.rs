//! What was asked, how it was answered and how long that took. Each worker counts for itself, for workers that
//! write to one place wait for each other at every request; a scrape adds them up.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Up to how long. Seconds.
const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, f64::INFINITY];

type Text = Cow<'static, str>;

/// What all workers have counted.
#[derive(Debug, Clone, Default)]
pub struct Counted(Arc<Mutex<Vec<Arc<Series>>>>);

/// A worker's own.
pub struct Counts {
    all: Counted,
    /// So few that looking through them takes less than a hash.
    own: RefCell<Vec<Arc<Series>>>,
}

/// Written by one worker only.
#[derive(Debug)]
struct Series {
    request: Request,
    buckets: [AtomicU64; BUCKETS.len()],
    nanoseconds: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    /// The path as it is routed, e.g. `/runs/{id}`: its values are many, and nobody's business.
    route: Text,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: Text,
}

impl Counted {
    /// For a worker.
    pub fn counts(&self) -> Counts {
        Counts { all: self.clone(), own: RefCell::default() }
    }

    fn add(&self, series: Arc<Series>) {
        // A push leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(series);
    }

    fn series(&self) -> Vec<Arc<Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counts {
    /// Counts an answer to a request for what is at `route`.
    pub fn count(&self, method: &Method, route: Text, status: StatusCode, took: Duration) {
        let request = Request { method: known(method), route, status: status.as_u16() };
        let mut own = self.own.borrow_mut();
        if let Some(series) = own.iter().find(|series| series.request == request) {
            return series.count(took);
        }
        let series = Arc::new(Series::new(request));
        series.count(took);
        self.all.add(series.clone());
        own.push(series);
    }
}

/// Others are many, and anybody's inventions.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

impl Series {
    fn new(request: Request) -> Self {
        Self { request, buckets: Default::default(), nanoseconds: AtomicU64::default() }
    }

    fn count(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|most| seconds <= *most).unwrap_or(BUCKETS.len() - 1);
        add(&self.buckets[bucket], 1);
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// By the only one who writes, so nothing is lost between reading and writing.
fn add(sum: &AtomicU64, more: u64) {
    sum.store(sum.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

#[derive(Default)]
struct Sum {
    buckets: [(f64, u64); BUCKETS.len()],
    seconds: f64,
}

impl Collector for Counted {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut requests: BTreeMap<&Request, u64> = BTreeMap::new();
        let mut durations: BTreeMap<&Text, Sum> = BTreeMap::new();
        let series = self.series();
        for one in &series {
            let sum = durations.entry(&one.request.route).or_default();
            sum.seconds += Duration::from_nanos(one.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
            for (place, bucket) in one.buckets.iter().enumerate() {
                let count = bucket.load(Ordering::Relaxed);
                sum.buckets[place] = (BUCKETS[place], sum.buckets[place].1 + count);
                *requests.entry(&one.request).or_default() += count;
            }
        }
        let help = "Requests that were answered";
        let mut family = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for (request, count) in requests {
            family.encode_family(request)?.encode_counter::<[(&str, &str); 0], _, u64>(&count, None)?;
        }
        let help = "From a request's headers to its answer's";
        let (name, unit) = ("http_request_duration", Some(&Unit::Seconds));
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        for (route, Sum { buckets, seconds }) in durations {
            let count = buckets.iter().map(|(_, count)| count).sum();
            family
                .encode_family(&Route { route: route.clone() })?
                .encode_histogram::<[(&str, &str); 0]>(seconds, count, &buckets, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn what_workers_count_is_added_up_by_route() {
        let counted = Counted::default();
        let workers = [counted.counts(), counted.counts()];
        let milliseconds = |count| Duration::from_millis(count);
        workers[0].count(&Method::GET, "/a".into(), StatusCode::OK, milliseconds(2));
        workers[1].count(&Method::GET, "/a".into(), StatusCode::OK, milliseconds(250));
        workers[1].count(&Method::GET, "/a".into(), StatusCode::NOT_FOUND, milliseconds(60_000));
        let brew = Method::from_bytes(b"BREW").unwrap();
        workers[1].count(&brew, "unknown".into(), StatusCode::NOT_FOUND, milliseconds(0));
        let mut registry = Registry::with_prefix("elt");
        registry.register_collector(Box::new(counted));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"elt_http_requests_total{method="GET",route="/a",status="200"} 2"#,
            r#"elt_http_requests_total{method="GET",route="/a",status="404"} 1"#,
            r#"elt_http_requests_total{method="other",route="unknown",status="404"} 1"#,
            r#"elt_http_request_duration_seconds_sum{route="/a"} 60.252"#,
            r#"elt_http_request_duration_seconds_count{route="/a"} 3"#,
            r#"elt_http_request_duration_seconds_bucket{le="0.001",route="/a"} 0"#,
            r#"elt_http_request_duration_seconds_bucket{le="0.0025",route="/a"} 1"#,
            r#"elt_http_request_duration_seconds_bucket{le="0.25",route="/a"} 2"#,
            r#"elt_http_request_duration_seconds_bucket{le="10.0",route="/a"} 2"#,
            r#"elt_http_request_duration_seconds_bucket{le="+Inf",route="/a"} 3"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
