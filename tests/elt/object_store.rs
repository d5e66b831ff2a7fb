//! Rows from an S3-compatible object store.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Project;

const LISTED: &str = r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>lake</Name><Prefix>in/</Prefix>
<KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
<Contents><Key>in/b.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e2"</ETag><Size>14</Size></Contents>
<Contents><Key>in/a 1.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e1"</ETag><Size>14</Size></Contents>
<Contents><Key>in/c#%[1] ~.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e4"</ETag><Size>14</Size></Contents>
<Contents><Key>in/d.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e5"</ETag><Size>0</Size></Contents>
<Contents><Key>in/deep/c.csv</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e3"</ETag><Size>9</Size></Contents>
</ListBucketResult>"#;

/// A store with one bucket; its address, and the heads of the requests that it had.
async fn store() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = vec![0; 16_384];
            let length = socket.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let (status, body) = match head.split_whitespace().nth(1).unwrap_or_default() {
                path if path.contains("list-type=2") => ("200 OK", LISTED),
                path if path.starts_with("/lake/in/a%201.csv?") => ("200 OK", "id,name\n1,ann\n"),
                path if path.starts_with("/lake/in/b.csv?") => ("200 OK", "id,name\n2,bob\n"),
                path if path.starts_with("/lake/in/c%23%25%5B1%5D%20~.csv?") => {
                    ("200 OK", "id,name\n3,cyd\n")
                }
                _ => ("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>"),
            };
            seen.lock().expect("no holder panics").push(head);
            let answer = format!(
                "HTTP/1.1 {status}\r\nETag: \"x\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    });
    (address, heads)
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_listed_and_fetched_with_a_signature_and_never_with_the_key() {
    let (address, heads) = store().await;
    let model = |source: &str| {
        format!(
            "{{{{ config(source='{source}', endpoint='{address}', region='eu-x-1', incremental='file') }}}}\nid int,\nname text"
        )
    };
    let project = Project::new(&[("models/raw/r.sql", &model("s3://lake/in/*.csv"))])
        .await
        .env("AWS_ACCESS_KEY_ID", "KEYID")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI");
    project.good(&["run"]);
    let rows = "select string_agg(concat_ws('|', id, name, _file), ' ' order by id) from raw.r";
    let both = "1|ann|s3://lake/in/a 1.csv 2|bob|s3://lake/in/b.csv 3|cyd|s3://lake/in/c#%[1] ~.csv";
    assert_eq!(project.value(rows).await, both);
    let first: Vec<String> = heads.lock().expect("no holder panics").drain(..).collect();
    assert_eq!(first.len(), 4, "{first:?}");
    assert!(
        first[0].to_lowercase().contains("authorization: aws4-hmac-sha256 credential=keyid/"),
        "{}",
        first[0]
    );
    assert!(first[1..].iter().all(|head| head.contains("X-Amz-Signature=") && head.contains("eu-x-1")));
    assert!(!first.concat().contains("wJalrXUtnFEMI"));

    // What is loaded once is not kept, and nobody else may look at what is.
    let cache = project.root.join(".elt/cache");
    let kept = std::fs::read_dir(&cache).expect("it is there").flatten();
    let kept: Vec<_> = kept.map(|entry| entry.file_name()).collect();
    assert!(kept.is_empty(), "{kept:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&cache.metadata().expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o700);

    // What has the same version is not fetched again.
    project.good(&["run"]);
    assert_eq!(heads.lock().expect("no holder panics").len(), 1);
    assert_eq!(project.value(rows).await, both);

    project.write("models/raw/r.sql", &model("s3://lake/in/c.csv"));
    let ended =
        project.elt(&["run", "--full-refresh"]).expect(1).says("s3://lake/in/c.csv: the server answered 403");
    assert!(!ended.stderr.contains("X-Amz-Signature=") && !ended.stderr.contains("wJalrXUtnFEMI"), "{ended}");
    project.write("models/raw/r.sql", &model("s3://lake/other/*.csv"));
    project.elt(&["run", "--full-refresh"]).expect(1).says("no object matches s3://lake/other/*.csv");
    project.write("profiles.yml", "fetch: {refuse_private_addresses: true}\n");
    let ended = project.elt(&["run", "--full-refresh"]).expect(1);
    ended.says("private address").says("which the profile refuses");
    project.write("profiles.yml", "fetch: {retries: 0}\n");
    let project = project.env("AWS_ACCESS_KEY_ID", "");
    project.elt(&["run", "--full-refresh"]).expect(1).says("there is no login for s3://lake");
}
