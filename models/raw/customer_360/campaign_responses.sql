{% set source = shop_source('campaign_responses') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
response_id bigint,
campaign_id bigint,
customer_id bigint,
response_date date,
response_type text
