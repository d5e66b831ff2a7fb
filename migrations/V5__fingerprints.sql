-- What tells whether a published relation is what a run would build: then it is left as it is.
alter table elt.relations
    -- Of the definition: kind, SQL with published names, config, descriptions. NULL: always built anew.
    add column fingerprint text,
    -- Of the versions of what it read when it was built.
    add column inputs text,
    -- Of a loaded table, what its source held.
    add column content text,
    -- Number, kind, file and columns of the relation as it was published, to see what was done by hand since.
    add column shape text,
    -- Who might do what with it then.
    add column grants text,
    add column duration_ms bigint;

-- Tests that held, and of what: the fingerprint covers the query and the versions of what it read.
create table elt.passed_tests (
    prod_schema text   not null,
    test        text   not null,
    fingerprint text   not null,
    run_id      bigint not null,
    primary key (prod_schema, test)
);
