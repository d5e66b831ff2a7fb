{{ config(materialized='table', tags=['customer_360']) }}
with

contacts as (
    select * from {{ ref('customer_service') }}
),

newest as (
    select distinct on (customer_id)
        customer_id, interaction_date as last_interaction_date, interaction_type as last_interaction_type
    from contacts
    order by customer_id, interaction_date desc, interaction_id desc
),

satisfaction as (
    select customer_id, round(avg(satisfaction_score), 2) as average_satisfaction_score
    from contacts
    group by customer_id
),

asked_about as (
    select distinct on (contacts.customer_id) contacts.customer_id, products.category
    from contacts
    join {{ ref('product_catalog') }} as products using (product_id)
    group by contacts.customer_id, products.category
    order by contacts.customer_id, count(*) desc, products.category collate "C"
)

select
    newest.*,
    satisfaction.average_satisfaction_score,
    asked_about.category as most_viewed_product_category
from newest
join satisfaction using (customer_id)
left join asked_about using (customer_id)
