{{ config(materialized='table', tags=['customer_360']) }}
select date_trunc('month', purchase_date)::date as month, sum(total_amount) as revenue, count(*) as purchases
from {{ ref('shop_purchases') }}
group by 1
