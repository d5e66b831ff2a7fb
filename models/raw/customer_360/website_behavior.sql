{% set source = shop_source('website_behavior') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
session_id bigint,
customer_id bigint,
visit_date date,
pages_viewed integer,
time_spent integer,
source text
