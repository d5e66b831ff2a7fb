{{ config(materialized='table', tags=['customer_360']) }}
select
    customer_id,
    count(*) as total_website_visits,
    round(avg(time_spent), 2) as average_time_spent_on_site
from {{ ref('website_behavior') }}
group by customer_id
