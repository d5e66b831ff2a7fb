{{ config(materialized='table', tags=['customer_360']) }}
select recency_score, frequency_score, monetary_score, count(*) as customers,
    sum(total_lifetime_value) as total_lifetime_value
from {{ ref('customer_360') }}
group by recency_score, frequency_score, monetary_score
