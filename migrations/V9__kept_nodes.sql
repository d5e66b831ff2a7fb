-- What a run that failed or was stopped had built, and what it knew of it: `elt retry` goes on from that. The
-- next run of any other kind forgets it; what is not in here is swept with the rest of a run's schema.
create table elt.kept_nodes (
    -- The run in whose schema it lies.
    run_id      bigint not null references elt.runs on delete cascade,
    node        text   not null,
    schema_name text   not null,
    name        text   not null,
    -- The run that built it: this one, or one that this one went on from.
    built_by    bigint not null,
    -- As elt.relations has them.
    fingerprint text   not null,
    inputs      text   not null,
    content     text,
    -- Nodes that it reads and that stand in a run's schema, too.
    parents     text[] not null,
    row_count   bigint,
    duration_ms bigint,
    shape       text   not null,
    primary key (run_id, node)
);

-- The tests that held in such a run, and of what.
create table elt.kept_tests (
    run_id      bigint not null references elt.runs on delete cascade,
    test        text   not null,
    fingerprint text   not null,
    primary key (run_id, test)
);

-- A node may also be taken over from an earlier run, and a test with it.
alter table elt.run_nodes drop constraint run_nodes_status_check;
alter table elt.run_nodes add constraint run_nodes_status_check
    check (status in ('built', 'passed', 'warned', 'failed', 'skipped', 'unchanged', 'kept'));
