-- How far a load has come. It counts once its run succeeded, which is written with the rows themselves.
alter table elt.loads
    -- Rows were added to the table that was there.
    add column added boolean not null default false,
    -- The greatest value of the cursor column, of all rows so far.
    add column cursor_value text;

-- The files of a load that goes by file.
create table elt.load_files (
    run_id  bigint not null references elt.runs on delete cascade,
    node    text   not null,
    file    text   not null,
    -- Changes when the file does.
    version text   not null,
    primary key (run_id, node, file)
);
