{{ config(materialized='table', report=true, tags=['vouchers']) }}
with assigned as (

    {% for segment_type in ['frequent_segment', 'recency_segment'] -%}
    select country_code, '{{ segment_type }}' as segment_type, {{ segment_type }} as segment_name, voucher_amount
    from {{ ref('vouchers_clean') }}
    where {{ segment_type }} is not null and voucher_amount is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

counted as (

    select country_code, segment_type, segment_name, voucher_amount, count(*) as amount_rows
    from assigned
    group by country_code, segment_type, segment_name, voucher_amount

),

ranked as (

    select
        *,
        sum(amount_rows) over segment as segment_rows,
        -- The most used value wins; of values used equally often, the lower one.
        row_number() over (segment order by amount_rows desc, voucher_amount) as place,
        lead(voucher_amount) over (segment order by amount_rows desc, voucher_amount) as runner_up_amount,
        lead(amount_rows) over (segment order by amount_rows desc, voucher_amount) as runner_up_rows
    from counted
    window segment as (partition by country_code, segment_type, segment_name)

)

select
    ranked.country_code,
    ranked.segment_type,
    ranked.segment_name,
    rules.lower_value,
    rules.upper_value,
    ranked.voucher_amount,
    ranked.segment_rows::bigint as segment_rows,
    ranked.amount_rows as winner_rows,
    ranked.runner_up_amount,
    ranked.runner_up_rows,
    coalesce(ranked.amount_rows = ranked.runner_up_rows, false) as is_tie,
    ranked.segment_rows < {{ var('min_segment_rows', 1) }} as low_support
from ranked
join {{ ref('segment_rules') }} as rules using (segment_type, segment_name)
where ranked.place = 1
order by ranked.country_code, ranked.segment_type, rules.lower_value
