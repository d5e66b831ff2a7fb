{# dbt's own generic tests, and elt's. Each selects the rows that are wrong. A project adds its own the
   same way: {% raw %}{% test name(model, column_name, …) %}…{% endtest %}{% endraw %} in macros/. #}

{% test not_null(model, column_name) %}
select * from {{ model }} where {{ column_name }} is null
{% endtest %}

{% test unique(model, column_name) %}
select {{ column_name }}, count(*) as times
from {{ model }}
where {{ column_name }} is not null
group by {{ column_name }}
having count(*) > 1
{% endtest %}

{% test accepted_values(model, column_name, values, quote=true) %}
select {{ column_name }} as value, count(*) as times
from {{ model }}
where {{ column_name }} is not null
  and {{ column_name }}{% if quote %}::text{% endif %} not in ({{ elt__list(values, quote) }})
group by {{ column_name }}
{% endtest %}

{% test relationships(model, column_name, to, field) %}
select {{ column_name }} as value from {{ model }} where {{ column_name }} is not null
except
select {{ field }} from {{ to }}
{% endtest %}

{% test range(model, column_name, min=none, max=none) %}
select * from {{ model }}
where false
{%- if min is not none %} or {{ column_name }} < {{ min }}{% endif %}
{%- if max is not none %} or {{ column_name }} > {{ max }}{% endif %}
{% endtest %}

{% test no_overlap(model, lower, upper, by=[]) %}
select * from (
    select *,
        lag({{ lower }}) over ranges as previous_lower,
        lag({{ upper }}) over ranges as previous_upper
    from {{ model }}
    window ranges as ({% if by %}partition by {{ by | join(', ') }} {% endif %}order by {{ lower }})
) as ordered
where {{ upper }} < {{ lower }}
   or (previous_lower is not null and (previous_upper is null or {{ lower }} <= previous_upper))
{% endtest %}

{% test expression(model, expression, column_name='') %}
select * from {{ model }} where not ({{ column_name }} {{ expression }})
{% endtest %}

{# What the tests of this folder share. #}

{% macro elt__list(values, quote) -%}
{% for value in values %}{% if quote %}{{ literal(value) }}{% else %}{{ value }}{% endif %}{% if not loop.last %}, {% endif %}{% endfor %}
{%- endmacro %}

{# `a, b, ` before other columns, or nothing. #}
{% macro elt__columns(names) -%}
{% if names %}{% for name in names %}{{ name }}, {% endfor %}{% endif %}
{%- endmacro %}

{% macro elt__group_by(names) -%}
{% if names %}group by {{ names | join(', ') }}{% endif %}
{%- endmacro %}

{% macro elt__where(condition) -%}
{% if condition %}where ({{ condition }}){% endif %}
{%- endmacro %}

{% macro elt__and(condition) -%}
{% if condition %} and ({{ condition }}){% endif %}
{%- endmacro %}

{% macro elt__outside(value, min_value, max_value, strictly) -%}
(false
{%- if min_value is not none %} or {{ value }} {% if strictly %}<={% else %}<{% endif %} {{ min_value }}{% endif %}
{%- if max_value is not none %} or {{ value }} {% if strictly %}>={% else %}>{% endif %} {{ max_value }}{% endif %})
{%- endmacro %}
