-- What the segments count must be all kept rows that lie in a segment and have a value.
with clean as (

    select country_code, 'frequent_segment' as segment_type, count(*) as row_count
    from {{ ref('vouchers_clean') }}
    where frequent_segment is not null and voucher_amount is not null
    group by country_code

    union all

    select country_code, 'recency_segment', count(*)
    from {{ ref('vouchers_clean') }}
    where recency_segment is not null and voucher_amount is not null
    group by country_code

),

counted as (

    select country_code, segment_type, sum(segment_rows) as row_count
    from {{ ref('segments_derived') }}
    group by country_code, segment_type

)

select country_code, segment_type, clean.row_count as kept, counted.row_count as counted
from clean
full join counted using (country_code, segment_type)
where clean.row_count is distinct from counted.row_count
