//! What the tests stand on: a database of their own, a publisher that does as the runner does, a client.

use std::sync::Arc;
use std::sync::Once;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::gate::FakeKeyring;
use super::pipeline::FakePipeline;
use crate::database::{Connector, Reader, Session};
use crate::name::Ident;
use crate::service::{LookupDate, Running, Settings, start};
use crate::test_database::TestDatabase;

/// All lookups of the tests are counted to this day.
pub const REFERENCE_DATE: &str = "2020-06-01";

const READER: &str = "elt_reader";

/// The whole of what is published for Peru.
pub const PERU: &str = "
    ('Peru', 'frequent_segment', '1-4', 1, 4, 2640.00, 100, 60, 3300.50, 40, false, false),
    ('Peru', 'frequent_segment', '5-13', 5, 13, 3300, 100, 60, 2640, 40, false, false),
    ('Peru', 'frequent_segment', '14-37', 14, 37, 4400.5, 100, 50, 3520, 50, true, false),
    ('Peru', 'recency_segment', '30-60', 30, 60, 1000, 10, 10, null, null, false, false),
    ('Peru', 'recency_segment', '61-90', 61, 90, 2000, 10, 10, null, null, false, false),
    ('Peru', 'recency_segment', '91-120', 91, 120, 3000, 10, 10, null, null, false, false),
    ('Peru', 'recency_segment', '121-180', 121, 180, 4000, 10, 10, null, null, false, false),
    ('Peru', 'recency_segment', '180+', 181, null, 123456789012345678901234567890.125, 1, 1, null, null, false, true)";

/// A database with layers as a run makes them, and the role that reads prod.
pub struct Warehouse {
    owner: Connector,
    reader: Connector,
    _database: Option<TestDatabase>,
}

/// In a database of its own on the test cluster.
pub async fn test_database() -> Warehouse {
    let database = TestDatabase::new().await;
    let warehouse = Warehouse::within(database.connector.clone()).await;
    Warehouse { _database: Some(database), ..warehouse }
}

impl Warehouse {
    /// In a database that somebody else keeps.
    pub async fn within(owner: Connector) -> Self {
        let reader = owner.with_user(READER);
        let warehouse = Self { owner, reader, _database: None };
        // The role belongs to the cluster: another test may be making it in this moment.
        warehouse
            .execute(&format!(
                "do $$ begin create role {READER} login; \
                 exception when duplicate_object or unique_violation then null; end $$"
            ))
            .await;
        warehouse
            .execute(&format!(
                "create schema raw; create table raw.voucher_history (x int);
                 create schema stage; create table stage.segment_rules (x int);
                 create schema elt; create table elt.runs (x int);
                 create schema prod; grant usage on schema prod to {READER};
                 alter default privileges in schema prod grant select on tables to {READER}"
            ))
            .await;
        warehouse
    }

    pub fn reader(&self) -> Reader {
        Reader::new(&self.reader)
    }

    pub async fn reader_session(&self) -> Session {
        self.reader.connect().await.unwrap()
    }

    /// A server that nobody answers for.
    pub fn unreachable_reader(&self) -> Reader {
        Reader::new(&Connector::from_socket(
            std::path::Path::new("/nonexistent/secret-host"),
            1,
            "nobody",
            "none",
        ))
    }

    pub async fn execute(&self, sql: &str) {
        run(&self.owner, sql).await;
    }

    /// Publishes as the runner does: new tables move into the place of the old, and the record, all in one
    /// transaction with its notice.
    pub async fn publish(&self, run_id: i64, rows: &str) {
        let rows = if rows.is_empty() {
            String::new()
        } else {
            format!("insert into build.segments_derived values {rows};")
        };
        self.execute(&format!(
            "create schema build;
             create table build.segments_derived (
                 country_code text, segment_type text, segment_name text, lower_value int, upper_value int,
                 voucher_amount numeric, segment_rows bigint, winner_rows bigint, runner_up_amount numeric,
                 runner_up_rows bigint, is_tie bool, low_support bool);
             {rows}
             grant select on build.segments_derived to {role};
             begin;
             drop table if exists prod.segments_derived;
             alter table build.segments_derived set schema prod;
             create table if not exists prod._elt_publication (run_id bigint, published_at timestamptz);
             delete from prod._elt_publication;
             insert into prod._elt_publication values ({run_id}, '2020-06-01 12:00:00+00');
             select pg_notify('elt_published', '{run_id}');
             commit;
             drop schema build",
            role = READER,
        ))
        .await;
    }

    /// From now on nobody gets in, and who was in is thrown out.
    pub async fn go_away(&self) {
        let name = self.owner.database().unwrap();
        self.administer(&format!("alter database {name} allow_connections false")).await;
        let inside =
            format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
        self.administer(&inside).await;
    }

    pub async fn come_back(&self) {
        let name = self.owner.database().unwrap();
        self.administer(&format!("alter database {name} allow_connections true")).await;
    }

    async fn administer(&self, sql: &str) {
        run(&self.owner.with_database("postgres"), sql).await;
    }
}

async fn run(connector: &Connector, sql: &str) {
    let session = connector.connect().await.unwrap();
    session.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A service and a client of it.
pub struct Served {
    pub running: Running,
    pub pipeline: Arc<FakePipeline>,
    pub keyring: Arc<FakeKeyring>,
    pub client: reqwest::Client,
    pub base: String,
}

pub fn settings() -> Settings {
    Settings {
        port: 0,
        workers: Some(1),
        lookup_date: LookupDate::Fixed(REFERENCE_DATE.parse().unwrap()),
        ..Settings::new(Ident::new("prod").unwrap())
    }
}

pub async fn serve(settings: Settings, reader: Reader) -> Served {
    serve_with(settings, reader, FakeKeyring::default()).await
}

pub async fn serve_with(settings: Settings, reader: Reader, keyring: FakeKeyring) -> Served {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let pipeline = Arc::new(FakePipeline::default());
    let keyring = Arc::new(keyring);
    let running = start(settings, reader, pipeline.clone(), keyring.clone()).await.unwrap();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let base = format!("http://{}", running.addr);
    Served { running, pipeline, keyring, client, base }
}

/// Peru is published by run 7, and served.
pub async fn served_peru() -> (Warehouse, Served) {
    let database = test_database().await;
    database.publish(7, PERU).await;
    let served = serve(settings(), database.reader()).await;
    (database, served)
}

/// Without any database; for what does not need one.
pub async fn served_alone(settings: Settings) -> Served {
    let nowhere = Connector::from_socket(std::path::Path::new("/nonexistent"), 1, "nobody", "none");
    serve(settings, Reader::new(&nowhere)).await
}

impl Served {
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.client.get(format!("{}{path}", self.base))).await
    }

    pub async fn look_up(&self, body: &Value) -> (StatusCode, Value) {
        answer(self.client.post(format!("{}/getVoucher/", self.base)).json(body)).await
    }

    pub async fn send_text(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.base)).header("content-type", content_type);
        answer(request.body(body)).await
    }

    /// Asks /readyz until `wanted` holds.
    pub async fn wait_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let (_, readiness) = self.get("/readyz").await;
            if wanted(&readiness) {
                return readiness;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within 10 s; last: {}", self.get("/readyz").await.1);
    }
}

/// Sends it. An error must be in the one form and tell nothing of the inside.
pub async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let text = response.text().await.unwrap();
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {error}: {text}"));
    if status.is_client_error() || status.is_server_error() {
        assert_one_form(&value);
        assert_eq!(value["request_id"], id.as_str());
    }
    (status, value)
}

pub fn assert_one_form(body: &Value) {
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "message", "details", "hint", "request_id"], "{body}");
    assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
    let text = body.to_string().to_lowercase();
    for inside in
        ["select ", "prod.", "segments_derived", "postgres", "/tmp", "socket", "secret", ".rs", "nonexistent"]
    {
        assert!(!text.contains(inside), "tells of the inside ({inside}): {body}");
    }
}

/// A customer with `orders` orders, the last at `last`.
pub fn customer(segment: &str, orders: i64, last: Option<&str>) -> Value {
    json!({
        "customer_id": 123, "country_code": "Peru", "total_orders": orders,
        "last_order_ts": last, "first_order_ts": null, "segment_name": segment,
    })
}
