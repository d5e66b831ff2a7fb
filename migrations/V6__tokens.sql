-- Bearer tokens of the service. The token itself is shown once, when it is made; here is its SHA-256.
create table elt.tokens (
    id bigint generated always as identity primary key,
    prod_schema text not null,
    name text not null,
    scope text not null check (scope in ('read', 'run')),
    digest bytea not null unique check (octet_length(digest) = 32),
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz
);
-- A name may be given again once its token is revoked.
create unique index on elt.tokens (prod_schema, name) where revoked_at is null;
