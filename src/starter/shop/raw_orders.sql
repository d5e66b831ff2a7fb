-- What is loaded, and the types it must have: a row that does not fit is named by file, line and column.
-- `source` may be an address (https://…), Parquet, or packed (.gz, .zst), too.
{{ config(materialized='load', source='data/orders.csv') }}
order_id integer,
customer_id integer,
ordered_at timestamp,
status text,
amount_cents integer
