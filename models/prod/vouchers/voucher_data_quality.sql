{{ config(materialized='table', report=true, tags=['vouchers']) }}
{%- set rules = [
    ['empty_total_orders', 'nobody knows how often the customer ordered'],
    ['empty_voucher_amount', 'the voucher has no value'],
    ['zero_orders_with_dates', 'no orders, and yet a day of an order'],
    ['one_order_two_dates', 'one order, and yet two different days'],
    ['last_before_first', 'the last order is before the first'],
] %}
with judged as (

    select * from {{ ref('vouchers_judged') }}

),

kept as (

    select * from {{ ref('vouchers_clean') }}

),

steps as (

    select country_code, 1 as step_order, 'rows_in' as step, true as is_active, count(*) as row_count,
        'rows of the country in the file' as description
    from judged group by country_code
    {% for rule in rules %}
    union all
    select country_code, {{ loop.index + 1 }}, '{{ rule[0] }}', {{ is_active(rule[0]) }}, count(*) filter (where {{ rule[0] }}),
        'dropped: {{ rule[1] }}'
    from judged group by country_code
    {% endfor %}
    union all
    select country_code, 7, 'unreadable_value', true, count(*) filter (where unreadable_value),
        'dropped: a value is there that means nothing, like 12.5 orders or 2018-13-40'
    from judged group by country_code
    union all
    select country_code, 8, 'rows_kept', true, count(*) filter (where is_kept), 'rows that no active rule dropped'
    from judged group by country_code
    union all
    select country_code, 9, 'in_no_frequent_segment', true, count(*) filter (where frequent_segment is null),
        'kept, but in no segment by total orders'
    from kept group by country_code
    union all
    select country_code, 10, 'in_no_recency_segment', true, count(*) filter (where recency_segment is null),
        'kept, but in no segment by days since the last order'
    from kept group by country_code

)

select * from steps order by country_code, step_order
