//! Who asks for much and reads slowly keeps nobody else waiting: neither a publication nor other callers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;
use crate::support::Project;

/// About 40 MB of JSON: more than the buffers of a connection hold.
const BIG: &str = "{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}]) }}
    select n as id, repeat('x', 200) as text, {{ var('n', 1) }} as version from generate_series(1, 200000) as n";

const YAML: &str = "models: [{name: big, columns: [{name: id, tests: [not_null]}],
    expose: {key: id, limit: {default: 10, maximum: 1000000}}}]";

async fn big() -> Project {
    let project = Project::new(&[("models/prod/big.sql", BIG), ("models/prod/big.yml", YAML)]).await;
    project.good(&["run"]);
    project
}

/// Asks for everything, reads the beginning, and then nothing more.
async fn stalled(server: &Server) -> (TcpStream, String) {
    let address = server.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET /big?limit=1000000 HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut begun = vec![0; 4096];
    let read = stream.read(&mut begun).await.expect("it answers");
    (stream, String::from_utf8_lossy(&begun[..read]).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_client_blocks_no_publication_and_sees_one_state_to_its_end() {
    let project = big().await;
    let server = Server::start(&project, &[]);
    let (mut stream, begun) = stalled(&server).await;
    assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");
    let locks = "select count(*) from pg_locks where relation = 'prod.big'::regclass";
    assert_eq!(project.value(locks).await, "0");
    project.good(&["run", "--vars", "{n: 2}"]);
    server.serves_run(2).await;
    let (_, newer) = server.get("/big?limit=1").await;
    assert_eq!(newer[0]["version"], 2);

    // Whoever goes on reading gets the whole of what was published when he asked.
    let mut rest = begun;
    let mut buffer = vec![0; 1 << 20];
    while !rest.ends_with("\r\n0\r\n\r\n") {
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut buffer)).await;
        let read = read.expect("it goes on").expect("it is not broken off");
        assert!(read > 0, "it is broken off");
        rest.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(!rest.contains("\"version\":2"));
    assert!(rest.contains("{\"id\":200000,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_stalled_clients_leave_room_for_everybody_who_asks_for_a_page() {
    let project = big().await;
    let server = Server::start(&project, &[]);
    let clients = futures_util::future::join_all((0..10).map(|_| stalled(&server))).await;
    let begun = |status: &str| clients.iter().filter(|(_, begun)| begun.starts_with(status)).count();
    assert_eq!(begun("HTTP/1.1 200"), 4, "as many as there are sessions for it");
    assert_eq!(begun("HTTP/1.1 503"), 6);
    assert!(clients.iter().any(|(_, begun)| begun.contains("\"code\":\"busy\"")));
    for _ in 0..20 {
        assert_eq!(server.get("/big?limit=1000&id.gt=100").await.0, 200);
    }
    project.good(&["run", "--vars", "{n: 2}"]);
    server.serves_run(2).await;
    // Who leaves makes room.
    drop(clients);
    let all =
        server.client.get(format!("{}/big?limit=200000", server.base)).send().await.expect("it answers");
    assert_eq!(all.status(), 200);
    assert!(!all.headers().contains_key("elt-more"));
    assert_eq!(all.text().await.expect("it is whole").matches("\"version\":2").count(), 200_000);
}
