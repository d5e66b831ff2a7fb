{% set source = shop_source('purchase_transactions') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
transaction_id bigint,
customer_id bigint,
product_id bigint,
purchase_date date,
quantity integer,
total_amount numeric(12,2),
store_id bigint
