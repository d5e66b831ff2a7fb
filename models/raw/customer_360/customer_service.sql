{% set source = shop_source('customer_service') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
interaction_id bigint,
customer_id bigint,
interaction_date date,
interaction_type text,
product_id bigint,
resolution_status text,
satisfaction_score integer
