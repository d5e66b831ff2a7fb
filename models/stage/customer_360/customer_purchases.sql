{{ config(materialized='table', tags=['customer_360']) }}
select
    customer_id,
    sum(total_amount) as total_lifetime_value,
    count(*) as total_purchases,
    max(purchase_date) as last_purchase_date,
    {{ shop_today() }} - max(purchase_date) as days_since_last_purchase
from {{ ref('purchase_transactions') }}
group by customer_id
