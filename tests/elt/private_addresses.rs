//! Where the profile refuses private addresses, nothing leads to one: not a number, not a name, not a redirect.
//! What stands in `allow_hosts` is allowed, and no other name of the same machine.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Project;

/// Serves `/a.csv`, and leads from `/to/HOST` to the same port of another host.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let length = socket.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let answer = match path.strip_prefix("/to/") {
                Some(host) => format!(
                    "HTTP/1.1 302 Found\r\nLocation: http://{host}:{port}/a.csv\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                ),
                None => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nid\n1\n".to_owned(),
            };
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_host_leads_to_no_other_private_one() {
    let project = Project::new(&[
        ("profiles.yml", "fetch: {refuse_private_addresses: true, allow_hosts: [127.0.0.1], retries: 0}\n"),
        ("models/raw/r.sql", "{{ config(source=var('from')) }}\nid int"),
    ])
    .await;
    let port = server().await;
    let load = |path: &str| {
        let vars = format!("{{from: 'http://127.0.0.1:{port}/{path}'}}");
        project.elt(&["-q", "run", "--full-refresh", "--vars", &vars])
    };
    load("a.csv").expect(0);
    assert_eq!(project.value("select id::text from raw.r").await, "1");
    load("to/127.0.0.1").expect(0);

    // Which of its addresses a name gives first is the system's choice.
    let told = load("to/localhost").expect(1).stderr.replace("address ::1,", "address 127.0.0.1,");
    insta::assert_snapshot!(told, @r"
error[source]: localhost has the private address 127.0.0.1, which the profile refuses
 --> models/raw/r.sql:1:11
  |
1 | {{ config(source=var('from')) }}
  |           ^^^^^^
  |
  = help: fetch.refuse_private_addresses in profiles.yml allows only public addresses and the hosts in fetch.allow_hosts
");
    insta::assert_snapshot!(load("to/[::1]").expect(1).stderr, @r"
error[source]: ::1 is a private address, which the profile refuses
 --> models/raw/r.sql:1:11
  |
1 | {{ config(source=var('from')) }}
  |           ^^^^^^
  |
  = help: fetch.refuse_private_addresses in profiles.yml allows only public addresses and the hosts in fetch.allow_hosts
");
    for (host, shown) in [
        ("127.0.0.2", "127.0.0.2"),
        ("0x7f.3", "127.0.0.3"),
        ("10.0.0.1", "10.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
    ] {
        let ended = load(&format!("to/{host}")).expect(1);
        ended.says(&format!("error[source]: {shown} is a private address, which the profile refuses"));
    }

    // By its name it is allowed where the name is.
    project.write(
        "profiles.yml",
        "fetch: {refuse_private_addresses: true, allow_hosts: [127.0.0.1, LocalHost], retries: 0}\n",
    );
    load("to/localhost").expect(0);
    project.write("profiles.yml", "fetch: {allow_hosts: ['10.0.0.0/8', '*.example.org', 'nas:80', '::1']}\n");
    insta::assert_snapshot!(project.elt(&["-q", "compile"]).expect(2).stderr, @r"
error[yaml]: `10.0.0.0/8` is no host: write a name or an address as it stands in the source, without a port at line 1, column 23
 --> profiles.yml:1:23
  |
1 | fetch: {allow_hosts: ['10.0.0.0/8', '*.example.org', 'nas:80', '::1']}
  |                       ^^^^^^^^^^^^
");
}
