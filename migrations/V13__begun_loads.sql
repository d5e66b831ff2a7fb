-- Loads that are under way, or that failed, were stopped or died on their way: the next load of the same goes on
-- from the table as it stands, half filled, in the schema of the run that was at it.
create table elt.begun_loads (
    -- The run in whose schema the table lies.
    run_id      bigint not null references elt.runs on delete cascade,
    node        text   not null,
    schema_name text   not null,
    name        text   not null,
    -- A hash of all that decides on the table and its rows; NULL where nobody could go on from it.
    identity    text,
    primary key (run_id, node)
);

-- The files whose rows are in such a table, each written down in the transaction that copied them.
create table elt.begun_load_files (
    run_id     bigint  not null,
    node       text    not null,
    file       text    not null,
    -- Changes when the file does.
    version    text    not null,
    row_count  bigint  not null,
    bad_rows   bigint  not null,
    bytes      bigint  not null,
    sha256     text,
    from_cache boolean not null,
    -- What was to be told of it.
    said       text[]  not null,
    -- Columns of the table that its records lack, where records may lack some.
    never_came text[],
    primary key (run_id, node, file),
    foreign key (run_id, node) references elt.begun_loads on update cascade on delete cascade
);
