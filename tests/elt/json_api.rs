//! Rows from a JSON API, with keys from another raw model.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::Project;

/// Answers one purchase for each mobile; refuses as often as it is told, from its third answer on.
struct Shop {
    address: String,
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    refusals: Arc<AtomicUsize>,
}

impl Shop {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}/purchase-history", listener.local_addr().expect("it is bound"));
        let shop = Self { address, asked: Arc::default(), refusals: Arc::default() };
        let (asked, refusals) = (shop.asked.clone(), shop.refusals.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                let body = loop {
                    let mut part = vec![0; 8192];
                    let length = socket.read(&mut part).await.unwrap_or(0);
                    request.extend_from_slice(&part[..length]);
                    let end = request.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
                    if let Some(body) =
                        end.and_then(|end| serde_json::from_slice::<Value>(&request[end..]).ok())
                    {
                        break body;
                    }
                    assert!(length > 0, "a whole request comes");
                };
                assert!(
                    String::from_utf8_lossy(&request)
                        .to_lowercase()
                        .contains("authorization: bearer t0ken-word")
                );
                let mobiles: Vec<String> =
                    serde_json::from_value(body["mobiles"].clone()).expect("a list of mobiles");
                let refuse = asked.lock().expect("no holder panics").len() >= 2
                    && refusals
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                        .is_ok();
                let (status, answer) = if refuse {
                    ("400 Bad Request", json!({}))
                } else {
                    let bought = |mobile: &String| json!({"mobile": mobile, "amount": 10.10, "store": null, "date": "01-02-2024"});
                    ("200 OK", json!({"purchases": mobiles.iter().map(bought).collect::<Vec<_>>()}))
                };
                if !refuse {
                    asked.lock().expect("no holder panics").push(mobiles);
                }
                let body = answer.to_string();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        });
        shop
    }

    fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().expect("no holder panics").clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_raw_model_are_asked_for_in_batches_and_a_load_that_died_goes_on() {
    let shop = Shop::open().await;
    let model = format!(
        "{{{{ config(source='{}', auth={{'bearer': env_var('SHOP_KEY')}}, metadata=['_file', '_row'], api={{'method': 'post', 'records': 'purchases', \
         'keys': {{'from': ref('customers'), 'column': 'mobile', 'batch': 2, 'into': 'mobiles'}} }} ) }}}}\n\
         mobile text, amount numeric(9,2), store text, date text",
        shop.address
    );
    let project = Project::new(&[
        ("models/raw/purchases.sql", &model),
        ("models/raw/customers.sql", "{{ config(source='customers.csv') }}\nname text, mobile text"),
        ("customers.csv", "name,mobile\na,+911\nb,+912\nc,\nd,+913\ne,+914\nf,+911\ng,+915\n"),
    ])
    .await
    .env("SHOP_KEY", "t0ken-word");
    shop.refusals.store(1, Ordering::SeqCst);
    let ended = project.elt(&["run"]).expect(1).says("the server answered 400");
    assert!(!ended.stderr.contains("t0ken-word"), "{ended}");
    project.good(&["run"]);
    assert_eq!(shop.asked(), [vec!["+911", "+912"], vec!["+913", "+914"], vec!["+915"]]);
    let rows = "select string_agg(concat_ws('|', mobile, amount, coalesce(store, 'NULL'), date, _row), ' ' order by mobile) from raw.purchases";
    assert_eq!(
        project.value(rows).await,
        "+911|10.10|NULL|01-02-2024|1 +912|10.10|NULL|01-02-2024|2 +913|10.10|NULL|01-02-2024|1 \
         +914|10.10|NULL|01-02-2024|2 +915|10.10|NULL|01-02-2024|1"
    );
    assert!(
        project
            .value("select max(_file) from raw.purchases")
            .await
            .ends_with("/purchase-history batch 3 page 1")
    );
    // What was published is asked for anew.
    project.good(&["run", "--full-refresh"]);
    assert_eq!(shop.asked().len(), 6);
    assert_eq!(project.value("select count(*)::text from raw.purchases").await, "5");
    // The same answers leave the table as it is, and nothing behind.
    project.good(&["run"]).says("Nothing to publish: 2 unchanged");
    assert_eq!(shop.asked().len(), 9);
    let tables = "select count(*)::text from pg_class where relname = 'purchases'";
    assert_eq!(project.value(tables).await, "1");
    let cached = std::fs::read_dir(project.root.join(".elt/cache")).expect("there is a cache");
    assert_eq!(cached.flatten().filter(|entry| entry.path().is_dir()).count(), 0);
}
