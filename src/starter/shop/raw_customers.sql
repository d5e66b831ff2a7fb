{{ config(materialized='load', source='data/customers.csv') }}
customer_id integer,
name text,
country text,
joined_on date
