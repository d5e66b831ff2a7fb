select
    order_id,
    customer_id,
    ordered_at::date as ordered_on,
    status,
    {{ cents_to_amount('amount_cents') }} as amount
from {{ ref('raw_orders') }}
where ordered_at >= '{{ var('since') }}'
