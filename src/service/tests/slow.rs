//! Clients of large answers who take their time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_for_long_loses_his_session_and_his_connection() {
    let database = test_database().await;
    database.publish(7, PERU).await;
    let endpoint = r#"{"path": "/big", "limit": {"default": 10, "maximum": 1000000}}"#;
    database
        .execute(&format!(
            "create table prod.big as select n as id, repeat('x', 200) as text from generate_series(1, 200000) as n;
             create table prod._elt_endpoints (path text, node text, domain text, relation text, endpoint jsonb, columns jsonb);
             insert into prod._elt_endpoints values ('/big', 'prod.big', '', 'big', '{endpoint}',
               '[{{\"name\": \"id\", \"type\": \"integer\", \"description\": \"\"}},
                 {{\"name\": \"text\", \"type\": \"text\", \"description\": \"\"}}]');
             grant select on all tables in schema prod to elt_reader"
        ))
        .await;
    let settings = Settings { stall_timeout: Duration::from_millis(300), ..settings() };
    let served = serve(settings, database.reader()).await;
    // More than there are sessions: each has to come free before the last ones are answered.
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut stream = TcpStream::connect(served.running.addr).await.unwrap();
        stream.write_all(b"GET /big?limit=1000000 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200");
        clients.push(stream);
    }
    // What they find when they come back has no end that could be taken for one.
    let mut rest = Vec::new();
    let read = clients[0].read_to_end(&mut rest);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("the connection ends");
    assert!(rest.len() > 10_000 && !rest.ends_with(b"0\r\n\r\n"), "{}", rest.len());
    let sessions =
        "select count(*) from pg_stat_activity where datname = current_database() and query like 'fetch %'";
    let session = database.reader_session().await;
    for _ in 0..100 {
        if session.value(sessions).await.unwrap().as_deref() == Some("0") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the sessions stay");
}
