{{ config(materialized='table', tags=['customer_360'], indexes=[{'columns': ['customer_id'], 'unique': true}]) }}
with

spent as (
    select
        customers.customer_id,
        coalesce(purchases.total_lifetime_value, 0)::numeric(14,2) as total_lifetime_value,
        coalesce(purchases.total_purchases, 0) as total_purchases,
        purchases.last_purchase_date,
        purchases.days_since_last_purchase
    from {{ ref('shop_customers') }} as customers
    left join {{ ref('customer_purchases') }} as purchases using (customer_id)
)

select
    customers.customer_id,
    customers.first_name,
    customers.last_name,
    customers.email,
    customers.phone_number,
    customers.date_of_birth,
    customers.registration_date,
    spent.total_lifetime_value,
    spent.total_purchases,
    spent.last_purchase_date,
    spent.days_since_last_purchase,
    favorites.favorite_product_category,
    favorites.favorite_brand,
    case when spent.total_purchases > 0
        then round(spent.total_lifetime_value / spent.total_purchases, 2)
    end as average_order_value,
    (
        select segment from {{ ref('value_segments') }}
        where above is null or spent.total_lifetime_value > above
        order by above desc nulls last limit 1
    ) as customer_segment,
    scores.recency_score,
    scores.frequency_score,
    scores.monetary_score,
    contacts.last_interaction_date,
    contacts.last_interaction_type,
    contacts.average_satisfaction_score,
    coalesce(visits.total_website_visits, 0) as total_website_visits,
    visits.average_time_spent_on_site,
    contacts.most_viewed_product_category,
    campaigns.campaign_response_rate,
    campaigns.preferred_marketing_channel,
    case when spent.total_purchases = 0 then 'No Purchase' else (
        select churn_risk from {{ ref('churn_rules') }}
        where spent.days_since_last_purchase >= lower_days
            and (upper_days is null or spent.days_since_last_purchase <= upper_days)
    ) end as churn_risk_score
from {{ ref('shop_customers') }} as customers
join spent using (customer_id)
join {{ ref('customer_scores') }} as scores using (customer_id)
left join {{ ref('customer_favorites') }} as favorites using (customer_id)
left join {{ ref('customer_contacts') }} as contacts using (customer_id)
left join {{ ref('customer_visits') }} as visits using (customer_id)
left join {{ ref('customer_campaigns') }} as campaigns using (customer_id)
