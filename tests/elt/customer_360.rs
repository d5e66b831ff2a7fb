//! Customer 360: every published figure against an independent computation, and its endpoints.

use std::process::Command;

use serde_json::json;

use crate::server::Server;
use crate::support::Project;

const TABLES: [&str; 7] = [
    "customer_info",
    "product_catalog",
    "purchase_transactions",
    "customer_service",
    "marketing_campaigns",
    "campaign_responses",
    "website_behavior",
];

const MODELS: [&str; 8] = [
    "customer_360",
    "customer_360_kpis",
    "customer_value_segments",
    "churn_risk",
    "monthly_revenue",
    "product_category_performance",
    "customer_satisfaction",
    "rfm_segmentation",
];

/// The endpoints of the dashboard, without the first slash.
const SERVED: [&str; 8] = [
    "kpis",
    "customer_segments",
    "monthly_revenue",
    "top_customers",
    "product_category_performance",
    "customer_satisfaction",
    "churn_risk",
    "rfm_segmentation",
];

/// `ELT_TEST_SHOP_SCALE=100`, as `make test-scale` has it, checks a shop a hundred times as large.
fn scale() -> String {
    std::env::var("ELT_TEST_SHOP_SCALE").unwrap_or_else(|_| "1".into())
}

#[tokio::test]
async fn every_figure_agrees_with_an_independent_computation_and_is_served() {
    let scale = scale();
    let project = Project::shipped().await;
    let (sources, published) = (project.root.join("sources"), project.root.join("published"));
    for folder in [&sources, &published] {
        std::fs::create_dir(folder).expect("the project's folder can be written");
    }
    for table in TABLES {
        let file = sources.join(format!("{table}.csv"));
        let file = file.to_str().expect("a temporary folder has a plain name");
        project.good(&["generate", "shop", "--table", table, "--scale", &scale, "--out", file]);
    }
    let vars = format!("{{shop_data: '{}'}}", sources.display());
    project.good(&["run", "--select", "+tag:customer_360", "--vars", &vars]);
    for model in MODELS {
        let rows = project.good(&["show", model, "--limit", "0", "--output", "csv"]).stdout;
        std::fs::write(published.join(format!("{model}.csv")), rows).expect("the folder can be written");
    }
    let server = Server::start(&project, &[]);
    for path in SERVED {
        for (kind, ending) in [("application/json", "json"), ("text/csv", "csv")] {
            let asked = server.client.get(format!("{}/{path}", server.base)).header("accept", kind);
            let answer = asked.send().await.expect("it answers");
            assert_eq!((answer.status().as_u16(), path), (200, path));
            let file = published.join(format!("{path}.served.{ending}"));
            std::fs::write(file, answer.bytes().await.expect("it is whole")).expect("it can be written");
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/side/customer_360.py");
    match Command::new("python3").arg(script).args([&sources, &published]).output() {
        Ok(ended) => {
            let said = String::from_utf8_lossy(&ended.stdout);
            assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
        }
        Err(error) if std::env::var_os("CI").is_some() => panic!("python3 cannot be started: {error}"),
        Err(error) => eprintln!("!!! NOT CHECKED: python3 cannot be started ({error})"),
    }

    assert_eq!(server.get("/top_customers?limit=7").await.1.as_array().map(Vec::len), Some(7));
    let never = "/customers?churn_risk_score=No%20Purchase&total_lifetime_value.gt=0";
    assert_eq!(server.get(never).await, (200, json!([])), "who never bought has paid nothing");
    let (_, one) = server.get("/customers?limit=1").await;
    let keys: Vec<&str> = one[0].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    assert!(keys.contains(&"churn_risk_score") && keys.len() == 24, "{keys:?}");
    for hidden in ["email", "phone_number", "date_of_birth"] {
        assert!(!keys.contains(&hidden), "{keys:?}");
        assert_eq!(
            server.get(&format!("/customers?{hidden}.gt=a")).await.0,
            400,
            "{hidden} cannot be asked about"
        );
    }
    let (_, welcome) = server.get("/").await;
    assert!(welcome["endpoints"].as_array().is_some_and(|all| all.contains(&json!("/kpis"))), "{welcome}");
}
