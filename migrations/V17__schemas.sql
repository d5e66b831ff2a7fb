-- Schemas beside those of the layers, each with the target that publishes into it.
create table elt.schemas (
    name text primary key,
    prod_schema text not null
);
