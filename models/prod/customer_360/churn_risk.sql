{{ config(materialized='table', tags=['customer_360']) }}
select churn_risk_score, count(*) as customers
from {{ ref('customer_360') }}
group by churn_risk_score
