{% set source = shop_source('product_catalog') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
product_id bigint,
product_name text,
category text,
brand text,
price numeric(12,2),
launch_date date
