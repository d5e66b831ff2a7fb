-- elt's own tables. Models never refer to them; the service's role never sees them.

-- One row a run. A row that still says `running` while nobody holds the lock belongs to a run that died.
create table elt.runs (
    id           bigint generated always as identity primary key,
    target       text        not null,
    -- The published prod schema: runs that publish to the same one exclude each other.
    prod_schema  text        not null,
    command      text        not null,
    status       text        not null default 'running'
                 check (status in ('running', 'succeeded', 'failed', 'cancelled')),
    started_at   timestamptz not null default clock_timestamp(),
    finished_at  timestamptz,
    elt_version  text        not null,
    host         text        not null,
    process_id   bigint      not null,
    started_by   text        not null,
    failed_step  text,
    error        text,
    -- What this run made and nobody has dropped yet: its schemas are swept while this is true.
    litter       boolean     not null default true
);
create index on elt.runs (prod_schema, id desc);
create index on elt.runs (id) where litter;

create table elt.run_nodes (
    run_id      bigint not null references elt.runs on delete cascade,
    position    integer not null,
    node        text   not null,
    kind        text   not null,
    status      text   not null check (status in ('built', 'passed', 'warned', 'failed', 'skipped')),
    row_count   bigint,
    started_at  timestamptz,
    duration_ms bigint not null,
    message     text,
    primary key (run_id, position)
);
create index on elt.run_nodes (node, run_id desc);

-- Where loaded rows came from.
create table elt.loads (
    run_id      bigint not null references elt.runs on delete cascade,
    node        text   not null,
    location    text   not null,
    bytes       bigint not null,
    row_count   bigint not null,
    sha256      text,
    from_cache  boolean not null,
    duration_ms bigint not null,
    primary key (run_id, node)
);

-- The relations that elt published and owns. What is not in here is never dropped nor replaced.
create table elt.relations (
    schema_name  text   not null,
    name         text   not null,
    node         text   not null,
    kind         text   not null,
    run_id       bigint not null,
    published_at timestamptz not null default now(),
    primary key (schema_name, name)
);
