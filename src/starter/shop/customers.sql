select
    customers.customer_id,
    customers.name,
    customers.joined_on,
    coalesce(regions.region, 'elsewhere') as region
from {{ ref('raw_customers') }} as customers
left join {{ ref('regions') }} as regions on regions.country = customers.country
