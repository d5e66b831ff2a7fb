{{ config(materialized='table', tags=['customer_360']) }}
select customer_segment, count(*) as customers, sum(total_lifetime_value) as total_lifetime_value
from {{ ref('customer_360') }}
group by customer_segment
