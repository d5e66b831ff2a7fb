{{ config(materialized='table', tags=['customer_360']) }}
select
    count(*) as total_customers,
    sum(total_lifetime_value) as total_lifetime_value,
    round(sum(total_lifetime_value) / nullif(sum(total_purchases), 0), 2) as average_order_value,
    round(100.0 * count(*) filter (where total_purchases > 1) / nullif(count(*) filter (where total_purchases > 0), 0), 2)
        as retention_rate
from {{ ref('customer_360') }}
