{% set source = shop_source('customer_info') %}
{{ config(materialized='load', source=source, format='csv', tags=['customer_360']) }}
customer_id bigint,
first_name text,
last_name text,
email text,
phone_number text,
date_of_birth date,
registration_date date
