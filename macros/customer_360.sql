{# Where a table of the shop comes from: a file of its name in the folder or at the address of the var shop_data,
   else elt's own sample of so many thousand customers as the var shop_scale says. #}
{% macro shop_source(table) %}{% if var('shop_data', '') %}{{ var('shop_data') }}/{{ table }}.csv{% else %}sample://shop?table={{ table }}&scale={{ var('shop_scale', 1) }}{% endif %}{% endmacro %}

{# The day that recency is counted to: the newest purchase, or the var customer_360_date. #}
{% macro shop_today() %}{% if var('customer_360_date', 'latest') == 'latest' %}(select max(purchase_date) from {{ ref('purchase_transactions') }}){% else %}{{ literal(var('customer_360_date')) }}::date{% endif %}{% endmacro %}
