//! What a package brings carries the package's name: in selectors, in artifacts, and in earlier states.

use serde_json::{Value, json};

use crate::support::Project;

const FILES: &[(&str, &str)] = &[
    ("shared/profiles.yml", "name: shared\n"),
    ("shared/models/stage/time/calendar.sql", "select {{ cents(1) }} as day\n"),
    (
        "shared/models/stage/time/calendar.yml",
        "sources: [{name: clock, schema: public, tables: [{name: ticks}]}]\nmodels:\n  - name: calendar\n    columns: [{name: day, data_tests: [not_null, even]}]\n\
         exposures:\n  - {name: wall, type: dashboard, depends_on: [ref('calendar')]}\n\
         unit_tests:\n  - {name: a_day, model: calendar, expect: {rows: [{day: 100}]}}\n",
    ),
    ("shared/rules/weekdays.csv", "day,name\n1,Mon\n"),
    (
        "shared/macros/m.sql",
        "{% macro cents(a) %}{{ hundred() }} * {{ a }}{% endmacro %}\n{% macro hundred() %}100{% endmacro %}\n\
         {% macro dollars(a) %}{{ adapter.dispatch('dollars', 'shared')(a) }}{% endmacro %}\n{% macro default__dollars(a) %}{{ a }} / 100{% endmacro %}\n\
         {% test even(model, column_name) %}select * from {{ model }} where {{ column_name }} % 2 = 1{% endtest %}\n\
         {% macro asks() %}{% do no_such('x') %}{% endmacro %}\n",
    ),
    ("shared/tests/no_day.sql", "select * from {{ ref('calendar') }} where day is null\n"),
    ("shop/profiles.yml", "name: shop\n"),
    ("shop/packages.yml", "packages: [{local: ../shared}]\n"),
    (
        "shop/models/prod/sales/days.sql",
        "select {{ shared.cents('day') }} as c from {{ ref('shared', 'calendar') }}\n",
    ),
    (
        "shop/models/prod/sales/notes.sql",
        "select {{ shared.dollars(5) }} as n, {{ own() }} as o from {{ ref('days') }}\n",
    ),
    (
        "shop/models/prod/sales/notes.yml",
        "models: [{name: notes, columns: [{name: n, data_tests: [shared.even]}]}]\n",
    ),
    ("shop/macros/own.sql", "{% macro own() %}1{% endmacro %}\n"),
];

async fn shop() -> Project {
    let project = Project::new(FILES).await;
    project.good(&["deps", "--project-dir", "shop"]);
    project
}

#[track_caller]
fn listed(project: &Project, arguments: &[&str]) -> String {
    let all = [&["ls", "--project-dir", "shop"], arguments].concat();
    let told = project.good(&all).stdout;
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    lines.join(" ")
}

#[tokio::test]
async fn selectors_know_whose_a_node_is() {
    let project = shop().await;
    for (selector, expected) in [
        ("package:shared,resource_type:model", "stage.calendar"),
        ("package:this", "even_notes_n prod.days prod.notes"),
        ("package:shop", "even_notes_n prod.days prod.notes"),
        ("shared.stage.time.calendar", "a_day stage.calendar"),
        ("shared.stage,resource_type:model", "stage.calendar"),
        ("stage.time,resource_type:model", "stage.calendar"),
        ("source:shared.clock.ticks", "raw.ticks"),
        ("exposure:shared.wall", "exposure:wall"),
        ("unit_test:shared.a_day", "a_day"),
    ] {
        assert_eq!(listed(&project, &["-s", selector]), expected, "{selector}");
    }
    assert_eq!(
        listed(&project, &["-s", "package:shared"]),
        "a_day even_calendar_day exposure:wall no_day not_null_calendar_day raw.ticks stage.calendar stage.weekdays"
    );
    assert_eq!(
        listed(
            &project,
            &["-s", "calendar,resource_type:model", "-o", "json", "--output-keys", "unique_id,fqn"]
        ),
        r#"{"unique_id":"model.shared.calendar","fqn":["shared","stage","time","calendar"]}"#
    );
    project
        .elt(&["ls", "--project-dir", "shop", "-s", "package:shard"])
        .expect(2)
        .says("did you mean `shared`?");
}

#[tokio::test]
async fn the_manifest_says_which_package_brings_what() {
    let project = shop().await;
    project.good(&["compile", "--project-dir", "shop"]);
    let text = std::fs::read_to_string(project.root.join("shop/target/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let calendar = &manifest["nodes"]["model.shared.calendar"];
    assert_eq!(calendar["package_name"], "shared");
    assert_eq!(calendar["original_file_path"], "models/stage/time/calendar.sql");
    assert_eq!(calendar["patch_path"], "shared://models/stage/time/calendar.yml");
    assert_eq!(calendar["depends_on"]["macros"], json!(["macro.shared.cents"]));
    let days = &manifest["nodes"]["model.shop.days"];
    assert_eq!(
        days["depends_on"],
        json!({"macros": ["macro.shared.cents"], "nodes": ["model.shared.calendar"]})
    );
    let notes = &manifest["nodes"]["model.shop.notes"];
    assert_eq!(notes["depends_on"]["macros"], json!(["macro.shared.dollars", "macro.shop.own"]));
    let dollars = &manifest["macros"]["macro.shared.dollars"];
    assert_eq!(dollars["name"], "dollars");
    assert_eq!(dollars["depends_on"]["macros"], json!(["macro.shared.default__dollars"]));
    assert_eq!(
        manifest["macros"]["macro.shared.cents"]["depends_on"]["macros"],
        json!(["macro.shared.hundred"])
    );
    assert_eq!(manifest["macros"]["macro.shared.asks"]["name"], "asks", "what cannot be used is there, too");
    for id in ["seed.shared.weekdays", "test.shared.no_day"] {
        assert_eq!(manifest["nodes"][id]["package_name"], "shared", "{id}");
    }
    assert_eq!(manifest["sources"]["source.shared.clock.ticks"]["fqn"], json!(["shared", "clock", "ticks"]));
    assert_eq!(manifest["exposures"]["exposure.shared.wall"]["package_name"], "shared");
    assert_eq!(manifest["unit_tests"]["unit_test.shared.calendar.a_day"]["package_name"], "shared");
    let nodes = manifest["nodes"].as_object().unwrap();
    let even = nodes.values().find(|node| node["name"] == "even_notes_n").unwrap();
    assert_eq!(even["test_metadata"]["namespace"], "shared");
    assert_eq!(even["depends_on"]["macros"], json!(["macro.shared.test_even"]));
}

#[tokio::test]
async fn a_package_changes_only_where_it_is_changed() {
    let project = shop().await;
    project.good(&["compile", "--project-dir", "shop"]);
    std::fs::rename(project.root.join("shop/target"), project.root.join("before")).unwrap();
    let changed = |selector: &str| {
        let exactly = ["--indirect-selection", "empty", "--resource-type", "all"];
        listed(&project, &[&["-s", selector, "--state", "before"], &exactly[..]].concat())
    };
    assert_eq!(changed("state:modified"), "");
    assert_eq!(changed("state:new"), "");
    project.write("shop/profiles.yml", "name: renamed\n");
    assert_eq!(changed("state:modified"), "", "another name of the project is no change");
    let macros = project.root.join("shared/macros/m.sql");
    let text = std::fs::read_to_string(&macros).unwrap();
    std::fs::write(&macros, text.replace("%}100{%", "%}100.0{%")).unwrap();
    assert_eq!(changed("state:modified.macros"), "prod.days stage.calendar");
    std::fs::write(&macros, text.replace("{{ a }} / 100", "{{ a }} / 10")).unwrap();
    assert_eq!(changed("state:modified.macros"), "prod.notes");
    std::fs::write(&macros, text.replace("% 2 = 1", "% 2 <> 0")).unwrap();
    assert_eq!(changed("state:modified"), "even_calendar_day even_notes_n");
    std::fs::write(&macros, text).unwrap();
    project.write("shared/models/stage/time/calendar.sql", "select {{ cents(2) }} as day\n");
    assert_eq!(changed("state:modified"), "stage.calendar");
}
