{{ config(materialized='table', tags=['vouchers']) }}
with delivered as (

    select * from {{ ref('voucher_history') }}
    where {{ is_wanted_country('country_code') }}

)

select
    initcap(btrim(country_code)) as country_code,
    {{ as_utc('timestamp') }} as given_at,
    {{ as_utc('first_order_ts') }}::date as first_order_day,
    {{ as_utc('last_order_ts') }}::date as last_order_day,
    {{ as_count('total_orders') }} as total_orders,
    {{ as_amount('voucher_amount') }} as voucher_amount,

    {{ is_blank('total_orders') }} as has_no_total_orders,
    {{ is_blank('voucher_amount') }} as has_no_voucher_amount,
    array_remove(array[
        {% for column in ['timestamp', 'first_order_ts', 'last_order_ts'] -%}
        case when not {{ is_blank(column) }} and not {{ is_timestamp(column) }} then '{{ column }}' end,
        {% endfor -%}
        case when {{ is_blank('timestamp') }} then 'timestamp' end,
        case when not {{ is_blank('total_orders') }} and not {{ is_count('total_orders') }} then 'total_orders' end,
        case when not {{ is_blank('voucher_amount') }} and not {{ is_amount('voucher_amount') }} then 'voucher_amount' end
    ], null) as unreadable_columns
from delivered
