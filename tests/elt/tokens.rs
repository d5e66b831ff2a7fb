//! Tokens from the command line to the door of a running service.

use serde_json::json;

use crate::server::Server;
use crate::support::Project;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_service_from_its_making_to_its_revoking() {
    let project = Project::new(&[
        ("profiles.yml", "service: {reads: token, runs: token}\n"),
        ("models/prod/shops.sql", "select 'Lima' as shop"),
        ("models/prod/shops.yml", "models: [{name: shops, expose: {}}]"),
    ])
    .await;
    project.good(&["run"]);
    let server = Server::start(&project, &[]);
    let (status, refused) = server.get("/shops").await;
    assert_eq!((status, &refused["code"]), (401, &json!("unauthorized")));

    let made = project.good(&["token", "create", "board", "--expires", "90d"]);
    let token = made.stdout.trim().to_owned();
    assert!(token.starts_with("elt_") && !token.contains(char::is_whitespace), "{token}");
    let ask = |token: &str| {
        let request = server.client.get(format!("{}/shops", server.base));
        request.bearer_auth(token).send()
    };
    // The service hears of it, and needs no restart.
    let mut status = 401;
    for _ in 0..100 {
        status = ask(&token).await.expect("it answers").status().as_u16();
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200, "{}", server.told());
    let run = server.client.post(format!("{}/runPipeline", server.base)).bearer_auth(&token);
    assert_eq!(server.send(run).await.0, 403);

    project.elt(&["token", "create", "board"]).expect(2).says("there is a token `board` already");
    let listed = project.good(&["token", "list"]).prints("board").prints("good");
    assert!(!listed.stdout.contains(&token[4..]), "{listed}");
    project.elt(&["token", "revoke", "boards"]).expect(2).says("did you mean `board`?");

    project.good(&["token", "revoke", "board"]);
    for _ in 0..100 {
        status = ask(&token).await.expect("it answers").status().as_u16();
        if status != 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(status, 401);
    let kept =
        "select concat_ws(' ', name, scope, octet_length(digest), revoked_at is not null) from elt.tokens";
    assert_eq!(project.value(kept).await, "board read 32 t");
    assert!(!server.told().contains(&token), "the log holds the token");
}

#[tokio::test]
async fn what_cannot_be_is_told_with_its_place() {
    let profile = "service:\n  trusted_proxies: [10.0.0.7, proxy.local]\n  cors: ['https://shop.example.org/', '*']\n  lookup_date: tomorrow\n";
    let project = Project::new(&[("profiles.yml", profile)]).await;
    let mut told = project.elt(&["token", "list"]).expect(2);
    for text in [
        "profiles.yml:2:31",
        "the trusted proxy `proxy.local` is neither an address nor a network",
        "profiles.yml:3:10",
        "`https://shop.example.org/` under service.cors is not the origin of a site",
        "`*` under service.cors is not the origin of a site",
        "profiles.yml:4:16",
        "service.lookup_date `tomorrow` is neither `today` nor a date",
    ] {
        told = told.says(text);
    }
    for wrong in [["--expires", "soon"], ["--expires", "-1d"], ["--scope", "admin"]] {
        project.elt(&[["token", "create", "x"].as_slice(), &wrong].concat()).expect(2);
    }
}
