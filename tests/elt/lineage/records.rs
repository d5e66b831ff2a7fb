//! Lineage against PostgreSQL's own records of what a view reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use elt::sql::{Followed, Known, follow};

use crate::database::TestDatabase;

const TABLES: &str = "
    create table customers (id int, name text, country text, born date);
    create table orders (id int, customer_id int, amount numeric, placed timestamptz, state text, detail jsonb);
    create table lines (order_id int, id int, sku text, quantity int);
    create table \"Odd Names\" (\"Select\" int, \"a\"\"b\" text, \"ÄÖ\" text);
    create table tree (id int, parent int, label text);
    create table points (at point, tags text[]);
    create function parent_of(int) returns int language sql as 'select 1';
";

/// Each must be a query that PostgreSQL takes as a view; each reads no column in vain.
const QUERIES: &[&str] = &[
    "select id, name from customers",
    "select * from customers",
    "select c.*, o.amount from customers c join orders o on o.customer_id = c.id",
    "select c.id as key, upper(c.name) || c.country as label from customers as c where born > '2000-01-01'",
    "select * from customers c join lines l using (id)",
    "select id, c.id as one, l.id as other from customers c join lines l using (id)",
    "select id from customers full join lines using (id)",
    "select id, sku from customers right join lines using (id)",
    "select * from (customers c join lines l using (id)) as j(x)",
    "select ju.id, c.name from customers c join lines l using (id) as ju",
    "select * from customers natural join tree",
    "select * from customers natural left join (select id, sku from lines) l",
    "with big as (select customer_id, sum(amount) as total from orders group by customer_id) \
     select c.name, big.total from customers c left join big on big.customer_id = c.id",
    "with a as (select id as x from customers), b as (select x + 1 as y from a) select y from b where y > 0",
    "with a(p, q) as (select id, name from customers) select q, p from a",
    "with recursive up(id, parent, label) as ( \
       select id, parent, label from tree where parent is null \
       union all select t.id, t.parent, up.label || t.label from tree t join up on up.id = t.parent) \
     select * from up",
    "with recursive b as (select id from a), a as (select id from customers) select id from b",
    "with recursive w(id, label) as (select id, label from tree union all \
       select t.parent, w.label from tree t, w where t.id = w.id) \
       search depth first by id set ord cycle id set looped using path \
       select id, label, ord is null as o, looped, path is null as p from w",
    "select sum(amount) filter (where state = 'paid') over (partition by customer_id order by placed) s from orders",
    "select rank() over w from orders window w as (partition by state order by amount desc)",
    "select customer_id, count(*) from orders group by 1 having max(amount) > 5 order by 2 desc",
    "select state, country, sum(amount) from orders o join customers c on c.id = o.customer_id \
     group by grouping sets ((state), (country), rollup (state, country))",
    "select amount as name from orders order by name",
    "select date_trunc('month', placed) as state from orders group by date_trunc('month', placed)",
    "select distinct on (country) name from customers order by country, born desc",
    "select (select max(amount) from orders o where o.customer_id = c.id) as top from customers c",
    "select name from customers c where exists (select from orders o where o.customer_id = c.id and o.state = 'x')",
    "select name from customers where id in (select customer_id from orders) and country = any (select label from tree)",
    "select c.name, l.sku from customers c, lateral (select sku from lines where lines.id = c.id limit 3) l",
    "select o.id, x.key, x.value from orders o, jsonb_each(o.detail) as x",
    "select o.id, value from orders o cross join lateral jsonb_array_elements(o.detail)",
    "select id, e.item, e.nr from orders, jsonb_array_elements_text(detail) with ordinality as e(item, nr)",
    "select tag, n from points, unnest(tags) with ordinality t(tag, n)",
    "select g, name from customers, generate_series(1, id) g",
    "select * from json_to_recordset('[]') as x(a int, b text)",
    "select p, q, label from tree, rows from (generate_series(1, id), generate_series(1, parent)) as z(p, q)",
    "select id from customers union all select id from orders union select customer_id from orders order by id",
    "(select id from customers intersect select customer_id from orders) except select parent from tree",
    "with x as (select 1 as n) select n, id from x, customers union all select n, parent from x, tree",
    "values (1, 'a'), (2, 'b')",
    "select v.a, c.name from (values (1, 'x'), (2, 'y')) as v(a, b) join customers c on c.id = v.a and c.country = v.b",
    "table customers",
    "select \"Select\", \"Odd Names\".\"a\"\"b\", \"ÄÖ\" from \"Odd Names\"",
    "SELECT ID, Name AS \"Name\" FROM Customers",
    "select public.customers.name, customers.country from public.customers",
    "select case when state = 'paid' then amount else 0 end, coalesce(detail ->> 'x', state) from orders",
    "select extract(year from born), born::text, cast(id as text), trim(both ' ' from name), \
       position('a' in country) from customers",
    "select (at)[0], tags[1:2], array[tags[1]], array(select id from customers) as ids from points",
    "select row(id, name) is null, (id, country) = (1, 'x') as same from customers",
    "select c.id from customers c join (orders o join lines l on l.order_id = o.id) on c.id = o.customer_id",
    "select a.id from tree a left join tree b on b.parent = a.id left join tree c on c.parent = b.id \
     where c.label is null",
    "select percentile_cont(0.5) within group (order by amount), string_agg(state, ',' order by placed) from orders",
    "select id from (select id, row_number() over (partition by customer_id order by placed) n from orders) x where n = 1",
    "select id from customers limit (select count(parent) from tree)",
    "select name from customers tablesample bernoulli (50) where born between date '2000-01-01' and current_date",
    "select x.* from (select id, name as label from customers) x where (x.id, x.label) in (select id, label from tree)",
    "select s.id from ((select id from customers)) s",
    "select id, (select string_agg(l.sku, ',') from lines l join (select o2.id from orders o2 \
       where o2.customer_id = c.id) o on o.id = l.order_id) from customers c",
    "select id from only tree where label like 'a%' escape '!' and label ~ 'x' or not (parent isnull)",
    "select placed at time zone 'UTC', interval '1 day' * id from orders",
    "select xmlelement(name foo, xmlattributes(id as x), name), xmlforest(country) from customers",
    "select t.y from orders o, xmltable('/a' passing xmlparse(document o.state) columns y int path 'b') t",
    "with a as (with b as (select id from tree) select b.id, x.name from b join customers x using (id)) \
     select a.name from a where a.id > 1",
    "with t as (select id from customers) select t.id, u.id as two from t join (with t as (select id from lines) \
     select id from t) u on u.id = t.id",
    "select lines.id from lines where order_id = (select id from orders where id = lines.order_id)",
    "select customer_id as k from orders group by k order by k",
    "select c from (select country as c from customers) c",
    "select nullif(id, 0) from customers group by nullif(id, 0) having nullif(id, 0) > 1",
];

/// These read columns that nothing comes of.
const WITH_IDLE_COLUMNS: &[&str] = &[
    "select outermost.id from (select * from (select id from (select * from tree where label <> '') a) b) outermost \
     where parent_of(outermost.id) > 0",
    "select count(*) from (select * from customers) c",
    "with idle as (select sku from lines) select id from customers",
    "select id from tree where exists (select * from customers c where c.id = tree.id)",
    "select id from customers except all select customer_id from orders",
    "with recursive up as (select *, 1 as depth from tree union select t.*, u.depth + 1 from tree t, up u \
     where t.id = u.parent) select label, depth from up",
];

/// How PostgreSQL calls columns that nobody named.
const NAMELESS: &[&str] = &[
    "select 1",
    "select 'a'",
    "select null",
    "select count(*)",
    "select now()",
    "select current_date",
    "select '1'::int",
    "select cast('1' as numeric(3, 1))",
    "select date '2020-01-01'",
    "select interval '1' day",
    "select case when true then 1 end",
    "select case when true then 1 else id end from tree",
    "select coalesce(1, 2)",
    "select greatest(1, 2)",
    "select nullif(1, 2)",
    "select exists (select 1)",
    "select (select 1 as inside)",
    "select (select max(id) from tree)",
    "select array[1]",
    "select array(select 1)",
    "select (id) from tree",
    "select -id from tree",
    "select id + 1 from tree",
    "select id is null from tree",
    "select (at)[0] from points",
    "select extract(day from now())",
    "select substring('a' from 1)",
    "select overlay('a' placing 'b' from 1)",
    "select position('a' in 'b')",
    "select trim(leading from 'a')",
    "select 'a' collate \"C\"",
    "select now() at time zone 'UTC'",
    "select xmlelement(name a)",
    "select xmlforest(1 as b)",
    "select xmlparse(content 'a')",
    "select xmlpi(name a)",
    "select xmlserialize(content '<a/>'::xml as text)",
    "select xmlexists('a' passing '<a/>')",
    "select grouping(id) from tree group by id",
    "select true and false",
    "select 1 in (1)",
    "select 1 = any (array[1])",
    "select 'a' like 'b'",
    "select pg_catalog.lower('A')",
    "select user",
    "select now()::date",
    "select id::text::int from tree",
    "select timestamp with time zone '2020-01-01'",
    "select double precision '1'",
    "select '1'::character varying(3)",
    "select '1'::bpchar",
    "select '{1}'::int[]",
    "select bit '1'",
    "select row_number() over ()",
    "select 1.5",
    "select $$a$$",
    "select collation for ('a')",
    "select \"Select\" from \"Odd Names\"",
    "select normalize('a')",
    "select 1 between 0 and 2",
    "select not true",
    "select current_schema, session_user, current_catalog, localtime",
];

/// What PostgreSQL wrote down of the view, and the view's own columns.
async fn told_by_server(database: &TestDatabase, query: &str) -> (BTreeSet<(String, String)>, Vec<String>) {
    let view = format!("drop view if exists v; create view v as {query}");
    if let Err(error) = database.session().await.run(&view).await {
        return (BTreeSet::new(), vec![format!("refused: {error}")]);
    }
    let reads = database
        .value(
            "select coalesce(string_agg(distinct c.relname || chr(31) || a.attname, chr(30)), '') \
             from pg_rewrite r join pg_depend d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass \
               and d.refclassid = 'pg_class'::regclass \
             join pg_class c on c.oid = d.refobjid \
             join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid and a.attnum > 0 \
             where r.ev_class = 'v'::regclass and c.oid <> r.ev_class",
        )
        .await
        .unwrap_or_default();
    let columns = database
        .value(
            "select string_agg(attname, chr(30) order by attnum) from pg_attribute \
             where attrelid = 'v'::regclass and attnum > 0",
        )
        .await
        .unwrap_or_default();
    let pair = |text: &str| {
        let (table, column) = text.split_once('\u{1f}').expect("table and column");
        (table.to_owned(), column.to_owned())
    };
    let reads = reads.split('\u{1e}').filter(|text| !text.is_empty()).map(pair).collect();
    (reads, columns.split('\u{1e}').map(str::to_owned).collect())
}

async fn catalog(database: &TestDatabase) -> Vec<(String, Vec<Arc<str>>)> {
    let text = database
        .value(
            "select string_agg(c.relname || chr(31) || (select string_agg(attname, chr(31) order by attnum) \
               from pg_attribute where attrelid = c.oid and attnum > 0), chr(30)) \
             from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace",
        )
        .await
        .expect("there are tables");
    let table = |text: &str| {
        let mut words = text.split('\u{1f}');
        (words.next().unwrap_or_default().to_owned(), words.map(Arc::from).collect())
    };
    text.split('\u{1e}').map(table).collect()
}

fn named(
    tables: &[(String, Vec<Arc<str>>)],
    inputs: impl Iterator<Item = (Option<usize>, Arc<str>)>,
) -> BTreeSet<(String, String)> {
    inputs
        .map(|(table, column)| {
            let table = table.map_or("?", |table| tables[table].0.as_str());
            (table.to_owned(), column.to_string())
        })
        .collect()
}

#[tokio::test]
async fn lineage_is_what_postgresql_wrote_down_of_the_same_query_as_a_view() {
    let database = TestDatabase::new().await;
    database.run(TABLES).await;
    let tables = catalog(&database).await;
    let known = |path: &[String]| {
        let table = tables.iter().position(|(name, _)| Some(name) == path.last())?;
        let (name, columns) = &tables[table];
        Some(Known { table, name: name.as_str().into(), columns: columns.clone(), complete: true })
    };
    let mut wrong = Vec::new();
    for query in QUERIES.iter().chain(WITH_IDLE_COLUMNS).chain(NAMELESS) {
        let Followed { columns, rows, reads, unsure, open, .. } = follow(query, &known);
        let (expected, names) = told_by_server(&database, query).await;
        let all = columns.iter().flat_map(|column| &column.inputs).chain(&rows);
        let all = named(&tables, all.map(|input| (input.table.known, input.column.clone())));
        let reads = named(&tables, reads.into_iter().map(|(table, column)| (table.known, column)));
        let found: Vec<String> = columns.iter().map(|column| column.name.to_string()).collect();
        let idle = WITH_IDLE_COLUMNS.contains(query);
        if reads != expected || (all != expected && !idle) || !all.is_subset(&expected) {
            wrong.push(format!("{query}\n  server {expected:?}\n  reads  {reads:?}\n  all    {all:?}"));
        }
        if found != names || !unsure.is_empty() || !open.is_empty() {
            wrong.push(format!("{query}\n  server {names:?}\n  found  {found:?}\n  {unsure:?} {open:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
