{{ config(materialized='table', tags=['customer_360']) }}
select
    round(avg(satisfaction_score), 2) as average_satisfaction_score,
    count(satisfaction_score) as scores,
    count(*) as contacts
from {{ ref('shop_contacts') }}
