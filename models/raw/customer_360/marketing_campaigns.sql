{% set source = shop_source('marketing_campaigns') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
campaign_id bigint,
campaign_name text,
start_date date,
end_date date,
channel text,
target_audience text
