{{ config(materialized='table', tags=['customer_360']) }}
with

bought as (
    select purchases.customer_id, products.category, products.brand, purchases.total_amount
    from {{ ref('purchase_transactions') }} as purchases
    join {{ ref('product_catalog') }} as products using (product_id)
),

categories as (
    select distinct on (customer_id) customer_id, category
    from bought
    group by customer_id, category
    order by customer_id, count(*) desc, sum(total_amount) desc, category collate "C"
),

brands as (
    select distinct on (customer_id) customer_id, brand
    from bought
    group by customer_id, brand
    order by customer_id, count(*) desc, sum(total_amount) desc, brand collate "C"
)

select customer_id, category as favorite_product_category, brand as favorite_brand
from categories
join brands using (customer_id)
