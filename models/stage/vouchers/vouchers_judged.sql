{{ config(materialized='view', tags=['vouchers']) }}
with judged as (

    select
        *,
        has_no_total_orders as empty_total_orders,
        has_no_voucher_amount as empty_voucher_amount,
        coalesce(total_orders = 0 and (first_order_day is not null or last_order_day is not null), false)
            as zero_orders_with_dates,
        coalesce(total_orders = 1 and first_order_day <> last_order_day, false) as one_order_two_dates,
        coalesce(last_order_day < first_order_day, false) as last_before_first,
        cardinality(unreadable_columns) > 0 as unreadable_value
    from {{ ref('vouchers_typed') }}

)

select
    *,
    not (
        unreadable_value
        {%- for rule in ['empty_total_orders', 'empty_voucher_amount', 'zero_orders_with_dates', 'one_order_two_dates', 'last_before_first'] %}
        or ({{ is_active(rule) }} and {{ rule }})
        {%- endfor %}
    ) as is_kept
from judged
