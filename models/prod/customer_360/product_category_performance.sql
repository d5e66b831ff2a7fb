{{ config(materialized='table', tags=['customer_360']) }}
select
    products.category,
    sum(purchases.total_amount) as revenue,
    sum(purchases.quantity) as units_sold,
    count(*) as purchases,
    count(distinct purchases.customer_id) as customers
from {{ ref('shop_purchases') }} as purchases
join {{ ref('shop_products') }} as products using (product_id)
group by products.category
