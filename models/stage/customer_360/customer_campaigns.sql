{{ config(materialized='table', tags=['customer_360']) }}
with

reached as (
    select
        responses.customer_id,
        responses.campaign_id,
        campaigns.channel,
        bool_or(responses.response_type in ('click', 'purchase')) as is_answered
    from {{ ref('campaign_responses') }} as responses
    join {{ ref('marketing_campaigns') }} as campaigns using (campaign_id)
    group by responses.customer_id, responses.campaign_id, campaigns.channel
),

channels as (
    select distinct on (customer_id) customer_id, channel as preferred_marketing_channel
    from reached
    where is_answered
    group by customer_id, channel
    order by customer_id, count(*) desc, channel collate "C"
),

rates as (
    select customer_id, round(count(*) filter (where is_answered)::numeric / count(*), 4) as campaign_response_rate
    from reached
    group by customer_id
)

select * from rates left join channels using (customer_id)
