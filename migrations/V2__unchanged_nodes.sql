-- A node may also be left as it is published.
alter table elt.run_nodes drop constraint run_nodes_status_check;
alter table elt.run_nodes add constraint run_nodes_status_check
    check (status in ('built', 'passed', 'warned', 'failed', 'skipped', 'unchanged'));
