{{ config(materialized='table', tags=['customer_360']) }}
-- Quintiles over all customers, 5 the best: equals share a score, and who never bought comes last in each.
{% set fifth = "- 1) * 5 / count(*) over ()" %}
select
    customers.customer_id,
    1 + (rank() over (order by purchases.days_since_last_purchase desc nulls first) {{ fifth }} as recency_score,
    1 + (rank() over (order by coalesce(purchases.total_purchases, 0)) {{ fifth }} as frequency_score,
    1 + (rank() over (order by coalesce(purchases.total_lifetime_value, 0)) {{ fifth }} as monetary_score
from {{ ref('customer_info') }} as customers
left join {{ ref('customer_purchases') }} as purchases using (customer_id)
