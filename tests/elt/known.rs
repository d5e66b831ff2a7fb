//! What templates know of the command, of the project and of how a run ended: `flags`, `graph`, `results`.

use crate::support::Project;

const PROFILE: &str = r#"name: shop
target: dev
on_run_start:
  - create table if not exists public.log (line text)
  - insert into public.log values ('{{ flags.WHICH }} {{ flags.FULL_REFRESH }} {{ selected_resources | sort | join(' ') }}')
on_run_end:
  - "{{ grant_usage(schemas, 'public') }}"
  - |
    {% for r in results %}
    insert into public.log values ('{{ r.node.unique_id.split('.')[2] }} {{ r.node.resource_type }} {{ r.node.config.materialized }}
    {{- ' ' ~ r.status }} {{ r.execution_time is number }} {{ r.message }} {{ r.node.schema }}.{{ r.node.alias }}');
    {% endfor %}
  - "{% if execute %}{% do run_query(\"insert into public.log values ('\" ~ database_schemas[0][1] ~ \"')\") %}{% endif %}"
"#;

#[tokio::test]
async fn hooks_at_the_end_of_a_run_know_what_came_of_it() {
    let project = Project::new(&[
        ("profiles.yml", PROFILE),
        (
            "macros/grants.sql",
            "{% macro grant_usage(schemas, role) %}{% for schema in schemas %}grant usage on schema {{ schema }} to \
             {{ role }};\ninsert into public.log values ('granted {{ schema }}');{% endfor %}{% endmacro %}",
        ),
        ("models/stage/a.sql", "{{ config(materialized='table') }} select 1 as n"),
        ("models/stage/b.sql", "select n from {{ ref('a') }}"),
        ("models/stage/m.yml", "models: [{name: a, columns: [{name: n, tests: [unique]}]}]"),
    ])
    .await;
    project.good(&["run", "--full-refresh", "--threads", "1"]);
    let log = "select string_agg(line, E'\\n' order by ctid) from public.log";
    insta::assert_snapshot!(project.value(log).await, @r"
run True model.shop.a model.shop.b test.shop.unique_a_n.4379dee941
granted stage
a model table success True None stage.a
unique_a_n test test pass True None dbt_test__audit.unique_a_n
b model view success True None stage.b
stage
");

    // What failed and what waited for it is told, and their schemas are none of those that are good.
    project.write("models/stage/a.sql", "{{ config(materialized='table') }} select 1 / 0 as n");
    project.value("delete from public.log returning 1").await;
    project.elt(&["build", "--threads", "1"]).expect(1);
    insta::assert_snapshot!(project.value(log).await, @r"
build False model.shop.a model.shop.b test.shop.unique_a_n.4379dee941
a model table error True models/stage/a.sql:1:1: division by zero stage.a
b model view skipped True stage.a failed stage.b
unique_a_n test test skipped True stage.a failed dbt_test__audit.unique_a_n
");

    // Nobody else knows them, and a name of one's own is no other thing.
    project.write("models/stage/a.sql", "{% set results = ['x'] %}select '{{ results[0] }}' as n");
    project.good(&["compile", "--select", "a"]).prints("'x' as n");
    project.write("models/stage/a.sql", "select '{{ results }}' as n");
    project.elt(&["compile", "--select", "a"]).expect(2).says("`results` is not defined");
}

#[tokio::test]
async fn a_model_reads_the_graph_of_the_project_and_is_built_again_where_that_changes() {
    let project = Project::new(&[
        ("profiles.yml", "name: shop\ntarget: dev\n"),
        (
            "models/prod/list.sql",
            "{{ config(materialized='table') }}\n\
             {% set found = [] %}{% if execute %}{% for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') %}\n\
             {% do found.append(node.name ~ ' ' ~ node.schema ~ ' ' ~ node.tags | join('+') ~ ' ' ~ node.meta.get('owner', 'nobody')\n\
             ~ ' ' ~ node.columns.values() | map(attribute='name') | join(',') ~ ' ' ~ node.depends_on.nodes | join(',')) %}{% endfor %}\n\
             {% set found = found + graph.sources.values() | map(attribute='source_name') | list %}\n\
             {% set found = found + graph.exposures.values() | map(attribute='name') | list %}\n\
             {% set said = graph.nodes['model.shop.a'].description %}{% endif %}\n\
             select '{{ found | sort | join('; ') }}' as found, '{{ said | default('') }}' as said",
        ),
        ("models/stage/land.sql", "{% set found = run_query('select 1 as geography') %}select {{ found | length }} as n"),
        ("models/stage/a.sql", "select 1 as n"),
        (
            "models/stage/m.yml",
            "models: [{name: a, description: one, config: {tags: [x, y], meta: {owner: ada}}, columns: [{name: n}]}]\n\
             sources: [{name: shop, tables: [{name: orders}]}]\n\
             exposures: [{name: board, type: dashboard, owner: {name: ada}, depends_on: [ref('a')]}]",
        ),
    ])
    .await;
    project.good(&["run"]);
    insta::assert_snapshot!(project.value("select found || E'\\n' || said from prod.list").await, @r"
a stage x+y ada n ; board; land stage  nobody  ; list prod  nobody  ; shop
one
");
    project.good(&["run"]).says("Nothing to publish");
    project.write("models/stage/b.sql", "select 2 as n");
    project.good(&["run"]).says("2 built").says("2 unchanged");
    insta::assert_snapshot!(project.value("select found from prod.list").await, @r"a stage x+y ada n ; b stage  nobody  ; board; land stage  nobody  ; list prod  nobody  ; shop");
}

#[tokio::test]
async fn flags_tell_of_the_command_and_render_renders() {
    let project = Project::new(&[
        (
            "models/stage/a.sql",
            "select '{{ flags.WHICH }} {{ flags.full_refresh }} {{ flags.get('NOPE', 'none') }} {{ should_full_refresh() }}' as how,\n\
             '{{ render(\"{{ twice('x') }} {{ this.name }}\") }} {{ twice('y') }}' as text",
        ),
        ("macros/twice.sql", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"),
    ])
    .await;
    project.good(&["compile"]).prints("'compile False none False' as how").prints("'xx a yy' as text");
    project.good(&["run", "--full-refresh"]);
    assert_eq!(project.value("select how from stage.a").await, "run True none True");
    project.good(&["run"]).says("1 built");
    project.good(&["run"]).says("Nothing to publish");
    project.good(&["plan"]).prints("1 unchanged");
    project.elt(&["compile", "--inline", "{{ flags.NOPE }}"]).expect(2).says("`flags.NOPE` is not defined");
}
