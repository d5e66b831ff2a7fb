//! What a lookup answers.

use std::collections::BTreeSet;

use reqwest::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderName, VARY};
use serde_json::{Value, json};

use super::support::*;
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn every_boundary_of_the_frequent_segments() {
    let (_database, served) = served_peru().await;
    for (orders, amount) in
        [(1, "2640"), (4, "2640"), (5, "3300"), (13, "3300"), (14, "4400.5"), (37, "4400.5")]
    {
        let (status, answer) = served.look_up(&customer("frequent_segment", orders, None)).await;
        assert_eq!(
            (status.as_u16(), answer["voucher_amount"].to_string().as_str()),
            (200, amount),
            "{orders}"
        );
    }
    let (status, answer) = served.look_up(&customer("frequent_segment", 38, None)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("no_segment")));
    assert_eq!(answer["message"], "38 orders is in no frequent segment; Peru has 1-4, 5-13, 14-37.");
    assert_eq!(answer["details"]["segments"], json!(["1-4", "5-13", "14-37"]));
    let (status, answer) = served.look_up(&customer("frequent_segment", 0, None)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("no_segment")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_boundary_of_the_recency_segments() {
    let (_database, served) = served_peru().await;
    let reference: jiff::civil::Date = REFERENCE_DATE.parse().unwrap();
    for (days, segment) in [
        (30, "30-60"),
        (60, "30-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "91-120"),
        (120, "91-120"),
        (121, "121-180"),
        (180, "121-180"),
        (181, "180+"),
        (9_000, "180+"),
    ] {
        let last = reference.checked_sub(jiff::Span::new().days(days)).unwrap().to_string();
        // The last second of that day is as many days ago as its first.
        for last in [last.clone(), format!("{last} 23:59:59.999999")] {
            let (status, answer) = served.look_up(&customer("recency_segment", 3, Some(&last))).await;
            assert_eq!((status.as_u16(), &answer["segment_name"]), (200, &json!(segment)), "{days} {answer}");
        }
    }
    for (days, words) in [
        (29, "29 days between"),
        (1, "1 day between"),
        (0, "0 days between"),
        (-1, "1 day after"),
        (-200, "200 days after"),
    ] {
        let last = reference.checked_sub(jiff::Span::new().days(days)).unwrap().to_string();
        let (status, answer) = served.look_up(&customer("recency_segment", 3, Some(&last))).await;
        assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("no_segment")), "{days}");
        assert!(answer["message"].as_str().unwrap().contains(words), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(REFERENCE_DATE), "{answer}");
        assert_eq!(answer["details"]["days_since_last_order"], days);
    }
    let (status, answer) = served.look_up(&customer("recency_segment", 0, None)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("no_segment")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_carries_its_evidence_and_numbers_stay_exact() {
    let (_database, served) = served_peru().await;
    let (_, answer) = served.look_up(&customer("frequent_segment", 2, None)).await;
    assert_eq!(
        answer.to_string(),
        json!({
            "voucher_amount": 2640, "segment_name": "1-4", "segment_type": "frequent_segment",
            "reference_date": "2020-06-01",
            "evidence": {"segment_rows": 100, "winner_rows": 60, "runner_up_amount": 3300.5,
                         "runner_up_rows": 40, "is_tie": false, "low_support": false},
            "run_id": 7,
        })
        .to_string()
    );
    let body = customer("recency_segment", 2, Some("2001-01-01")).to_string();
    let request =
        served.client.post(format!("{}/getVoucher", served.base)).header("content-type", "application/json");
    let text = request.body(body).send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with(r#"{"voucher_amount":123456789012345678901234567890.125,"#), "{text}");
    assert!(
        text.contains(r#""runner_up_amount":null,"runner_up_rows":null,"is_tie":false,"low_support":true"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_is_compared_without_case_and_blanks_and_an_unknown_one_is_told() {
    let (_database, served) = served_peru().await;
    for country in ["Peru", "PERU", " peru\t"] {
        let mut body = customer("frequent_segment", 2, None);
        body["country_code"] = country.into();
        assert_eq!(served.look_up(&body).await.0, 200, "{country}");
    }
    let mut body = customer("frequent_segment", 2, None);
    body["country_code"] = "Chile".into();
    let (status, answer) = served.look_up(&body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (404, &json!("unknown_country")));
    assert_eq!(answer["details"], json!({"country_code": "Chile", "countries": ["Peru"]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_spellings_of_the_path_answer_and_old_clients_send_more_than_is_read() {
    let (_database, served) = served_peru().await;
    let mut body = customer("frequent_segment", 14, Some("2018-07-21T20:59:21+02:00"));
    body["first_order_ts"] = "".into();
    body["campaign"] = json!({"old": [1, 2]});
    body["total_orders"] = json!(14.0);
    for path in ["/getVoucher", "/getVoucher/", "/segmentation-voucher", "/segmentation-voucher/"] {
        for content_type in ["application/json", "application/json; charset=utf-8", "application/vnd.x+json"]
        {
            let (status, answer) = served.send_text(path, content_type, body.to_string()).await;
            assert_eq!(
                (status.as_u16(), &answer["voucher_amount"]),
                (200, &json!(4400.5)),
                "{path} {answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_body_is_told_at_once() {
    let (_database, served) = served_peru().await;
    let body = json!({
        "customer_id": "123", "country_code": " ", "total_orders": 14.5, "last_order_ts": "yesterday",
        "first_order_ts": 5, "segment_name": "ferquency_segment",
    });
    let (status, answer) = served.look_up(&body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (422, &json!("invalid_body")));
    assert_eq!(answer["hint"], "Did you mean frequent_segment?");
    let fields: Vec<_> = answer["details"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["field"].as_str().unwrap(), field["problem"].as_str().unwrap()))
        .collect();
    assert_eq!(
        fields,
        [
            ("customer_id", "is a string"),
            ("total_orders", "is not a whole number, or out of range"),
            ("country_code", "is blank"),
            ("last_order_ts", "is not a timestamp"),
            ("first_order_ts", "is a number"),
            ("segment_name", "is unknown"),
        ]
    );
    let (_, answer) = served.look_up(&json!({})).await;
    let missing: Vec<_> =
        answer["details"]["fields"].as_array().unwrap().iter().map(|field| &field["field"]).collect();
    assert_eq!(missing, ["customer_id", "total_orders", "country_code", "segment_name"]);
}

/// A body, and the one field that is wrong with it, if any.
async fn refused_field(served: &Served, changes: Value) -> Option<(String, String)> {
    let mut body = customer("frequent_segment", 2, Some("2019-01-02"));
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (status, answer) = served.look_up(&body).await;
    if status == 200 {
        return None;
    }
    assert_eq!(status, 422, "{changes} {answer}");
    let fields = answer["details"]["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{changes} {answer}");
    Some((answer["code"].as_str().unwrap().to_owned(), fields[0]["field"].as_str().unwrap().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_contradict_each_other_name_their_field() {
    let (_database, served) = served_peru().await;
    for (changes, field) in [
        (json!({"total_orders": 0}), "total_orders"),
        (json!({"total_orders": 0, "last_order_ts": null, "first_order_ts": "2019-01-01"}), "total_orders"),
        (json!({"total_orders": 1, "first_order_ts": "2019-01-01"}), "total_orders"),
        (json!({"first_order_ts": "2019-01-03"}), "last_order_ts"),
        (
            json!({"last_order_ts": "2019-01-02T10:00:00", "first_order_ts": "2019-01-02 10:00:01"}),
            "last_order_ts",
        ),
    ] {
        let expected = Some(("contradictory_facts".to_owned(), field.to_owned()));
        assert_eq!(refused_field(&served, changes.clone()).await, expected, "{changes}");
    }
    let recency = json!({"segment_name": "recency_segment", "last_order_ts": null});
    assert_eq!(refused_field(&served, recency).await.unwrap().1, "last_order_ts");
    for (changes, field) in [
        (json!({"total_orders": -1}), "total_orders"),
        (json!({"total_orders": 2147483648_i64}), "total_orders"),
        (json!({"total_orders": null}), "total_orders"),
        (json!({"customer_id": true}), "customer_id"),
        (json!({"country_code": "x".repeat(101)}), "country_code"),
        (json!({"last_order_ts": "2018-13-40"}), "last_order_ts"),
        (json!({"last_order_ts": "2018-02-29"}), "last_order_ts"),
        (json!({"segment_name": "FREQUENT_SEGMENT"}), "segment_name"),
    ] {
        let expected = Some(("invalid_body".to_owned(), field.to_owned()));
        assert_eq!(refused_field(&served, changes.clone()).await, expected, "{changes}");
    }
    for changes in [
        // The history has the last order as a day and the first one with its time of day.
        json!({"first_order_ts": "2019-01-02 18:30:00"}),
        json!({"total_orders": 1, "first_order_ts": "2019-01-02 18:30:00"}),
        json!({"first_order_ts": "2019-01-02 00:00:00+00:00"}),
        json!({"total_orders": 1, "first_order_ts": "2019-01-02T02:00:00+02:00"}),
        json!({"last_order_ts": null}),
        json!({"last_order_ts": "  "}),
    ] {
        assert_eq!(refused_field(&served, changes.clone()).await, None, "{changes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_pages_of_other_sites_may_ask_the_answers_are_the_same() {
    let (database, served) = served_peru().await;
    let settings = Settings { cors: vec!["https://shop.example.org".into()], ..settings() };
    let open = serve(settings, database.reader()).await;
    open.wait_until(|readiness| readiness["snapshot"]["run_id"] == 7).await;
    let good = customer("frequent_segment", 2, None);
    let far = customer("frequent_segment", 38, None);
    let text = |value: &Value| value.to_string();
    for (content_type, body) in [
        ("application/json", text(&good)),
        ("application/json; charset=utf-8", text(&good)),
        ("text/plain", text(&good)),
        ("application/json", text(&far)),
        ("application/json", "{".to_owned()),
        ("application/json", "{}".to_owned()),
        ("application/json", " ".repeat(100_000)),
    ] {
        let ask = async |served: &Served| {
            let request = served.client.post(format!("{}/getVoucher/", served.base));
            let answer =
                request.header("content-type", content_type).body(body.clone()).send().await.unwrap();
            let own = |name: &&HeaderName| **name != VARY && **name != ACCESS_CONTROL_EXPOSE_HEADERS;
            let names: BTreeSet<String> =
                answer.headers().keys().filter(own).map(ToString::to_string).collect();
            let status = answer.status();
            let mut told: Value = answer.json().await.unwrap();
            if let Some(id) = told.get_mut("request_id") {
                *id = Value::Null;
            }
            (status, names, told)
        };
        assert_eq!(ask(&served).await, ask(&open).await, "{content_type} {body:.80}");
    }
}
