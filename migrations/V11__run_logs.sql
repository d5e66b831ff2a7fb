-- The lines of the project's files where something went wrong, as a terminal shows them.
alter table elt.runs add column excerpt text;
alter table elt.run_nodes add column excerpt text;

-- What a run is working on: [{"node", "kind", "since"}], so that also another process can show it. Like the rows of
-- elt.run_nodes it is written while the run goes on, every half second at most.
alter table elt.runs add column doing jsonb;

-- What a run tells beside the beginnings and ends of its nodes.
create table elt.run_log (
    run_id   bigint      not null references elt.runs on delete cascade,
    position integer     not null,
    at       timestamptz not null,
    text     text        not null,
    primary key (run_id, position)
);
