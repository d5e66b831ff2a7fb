{{ config(materialized='table', report=true) }}
select
    customers.region,
    count(*) as orders,
    sum(orders.amount) as amount
from {{ ref('orders') }} as orders
join {{ ref('customers') }} as customers on customers.customer_id = orders.customer_id
where orders.status = 'completed'
group by customers.region
order by amount desc
