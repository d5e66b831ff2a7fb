-- How a node ended last is looked for among those that were at work: of large projects most are not.
drop index elt.run_nodes_node_run_id_idx;
create index on elt.run_nodes (node, run_id desc) where status not in ('skipped', 'unchanged', 'kept');
