-- A claim: this query must return no rows.
{{ config(severity='warn') }}
select orders.order_id, orders.ordered_on, customers.joined_on
from {{ ref('orders') }} as orders
join {{ ref('customers') }} as customers on customers.customer_id = orders.customer_id
where orders.ordered_on < customers.joined_on
