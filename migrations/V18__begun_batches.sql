-- Models that are built a batch of time after another, and whose run did not come to its end: `elt retry` builds the
-- batches that are missing into the table as it stands, in the schema of the run that was at it.
create table elt.begun_batches (
    -- The run in whose schema the table lies.
    run_id       bigint not null references elt.runs on delete cascade,
    node         text   not null,
    schema_name  text   not null,
    name         text   not null,
    -- The run that began it: this one, or one that this one went on from.
    begun_by     bigint not null,
    -- A hash of all that decides on the rows, but for what elt does not make.
    identity     text   not null,
    -- From when until before when its batches are, in UTC, as 2024-05-31T00:00:00.
    period_start text   not null,
    period_end   text   not null,
    primary key (run_id, node)
);

-- The batches whose rows are in such a table, each written down in the transaction that built it.
create table elt.built_batches (
    run_id    bigint not null,
    node      text   not null,
    -- When it begins.
    batch     text   not null,
    row_count bigint not null,
    primary key (run_id, node, batch),
    foreign key (run_id, node) references elt.begun_batches on update cascade on delete cascade
);
