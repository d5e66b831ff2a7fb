-- Rows that a load put aside, because its model says bad_rows='quarantine'.
create table elt.bad_rows (
    run_id bigint not null,
    -- The node's label, e.g. raw.orders.
    node text not null,
    file text not null,
    -- The line of the file, or the row of the sheet, on which it begins.
    line bigint not null,
    column_name text,
    value text,
    reason text not null,
    -- The row as it stood in the file.
    raw text
);
create index on elt.bad_rows (node, run_id);
