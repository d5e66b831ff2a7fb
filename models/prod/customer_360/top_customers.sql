{{ config(materialized='view', tags=['customer_360']) }}
select customer_id, first_name, last_name, total_lifetime_value, total_purchases, customer_segment
from {{ ref('customer_360') }}
