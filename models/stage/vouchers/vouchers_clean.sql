{{ config(materialized='table', tags=['vouchers']) }}
with kept as (

    select
        country_code,
        given_at,
        total_orders,
        voucher_amount,
        {{ reference_day('given_at') }} - last_order_day as days_since_last_order
    from {{ ref('vouchers_judged') }}
    where is_kept

),

rules as (

    select * from {{ ref('segment_rules') }}

)

select
    kept.*,
    frequent.segment_name as frequent_segment,
    recency.segment_name as recency_segment
from kept
left join rules as frequent
    on frequent.segment_type = 'frequent_segment'
    and kept.total_orders >= frequent.lower_value
    and (frequent.upper_value is null or kept.total_orders <= frequent.upper_value)
left join rules as recency
    on recency.segment_type = 'recency_segment'
    and kept.days_since_last_order >= recency.lower_value
    and (recency.upper_value is null or kept.days_since_last_order <= recency.upper_value)
