{# The macros of dbt-utils that ask the database which columns, values and relations it has. Before it can be asked,
   while the project is read, they write what can be said without: `*`, an empty list, the default. #}

{% macro dbt_utils__get_filtered_columns_in_relation(from, except=[]) -%}
{%- set kept = [] -%}
{%- set left_out = except | map('lower') -%}
{%- for column in adapter.get_columns_in_relation(from) -%}
{%- if column.name | lower not in left_out -%}{%- do kept.append(column.name) -%}{%- endif -%}
{%- endfor -%}
{{ return(kept) }}
{%- endmacro %}

{% macro dbt_utils__star(from, relation_alias='', except=[], prefix='', suffix='', quote_identifiers=true) -%}
{%- set before = relation_alias ~ '.' if relation_alias else '' -%}
{%- if not execute -%}{{ before }}*
{%- else -%}
{%- set columns = dbt_utils.get_filtered_columns_in_relation(from, except) -%}
{%- if not columns %}/* no columns returned from star() macro */{% endif -%}
{%- for column in columns -%}
{{ before }}{{ adapter.quote(column) if quote_identifiers else column }}
{%- if prefix or suffix %} as {{ adapter.quote(prefix ~ column ~ suffix) if quote_identifiers else prefix ~ column ~ suffix }}{% endif -%}
{%- if not loop.last %},
  {% endif -%}
{%- endfor -%}
{%- endif -%}
{%- endmacro %}

{% macro dbt_utils__get_column_values(table, column, order_by='count(*) desc', max_records=none, default=none, where=none) -%}
{%- set found = default or [] -%}
{%- if execute -%}
{%- if load_relation(table) is not none -%}
{%- set sql -%}
select {{ column }} as value
from {{ table }}
{% if where is not none %}where {{ where }}
{% endif -%}
group by {{ column }}
order by {{ order_by }}
{%- if max_records is not none %} limit {{ max_records }}{% endif %}
{%- endset -%}
{%- set asked = run_query(sql) -%}
{%- if asked | length > 0 -%}{%- set found = asked.columns[0].values() -%}{%- endif -%}
{%- elif default is none -%}
{{ throw(message='get_column_values: the relation ' ~ table ~ ' does not exist, and no default is given') }}
{%- endif -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro %}

{% macro dbt_utils__get_query_results_as_dict(query) -%}
{%- set found = {} -%}
{%- if execute -%}
{%- for name, column in run_query(query).columns.items() -%}
{%- do found.update({name: column.values()}) -%}
{%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro %}

{% macro dbt_utils__get_single_value(query, default=none) -%}
{%- set found = default -%}
{%- if execute -%}
{%- set asked = run_query(query) -%}
{%- if asked | length > 0 -%}{%- set found = asked[0][0] -%}{%- endif -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro %}

{# What a run is building, or has put away, is no relation for others. #}
{% macro dbt_utils__get_tables_by_pattern_sql(schema_pattern, table_pattern, exclude='', database='') -%}
select n.nspname as table_schema, c.relname as table_name,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'external' else 'table' end as table_type
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p', 'f') and not pg_is_other_temp_schema(n.oid)
  and n.nspname !~ '^elt_(run|old|check)_[0-9]'
  and n.nspname ilike {{ literal(schema_pattern) }} and c.relname ilike {{ literal(table_pattern) }}
  and c.relname not ilike {{ literal(exclude) }}
order by 1, 2
{%- endmacro %}

{% macro dbt_utils__get_tables_by_prefix_sql(schema, prefix, exclude='', database='') -%}
{{ dbt_utils.get_tables_by_pattern_sql(schema, prefix ~ '%', exclude) }}
{%- endmacro %}

{% macro dbt_utils__get_relations_by_pattern(schema_pattern, table_pattern, exclude='', database='') -%}
{%- set found = [] -%}
{%- if execute -%}
{%- for row in run_query(dbt_utils.get_tables_by_pattern_sql(schema_pattern, table_pattern, exclude)) -%}
{%- do found.append(elt_relation(row[0], row[1])) -%}
{%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro %}

{% macro dbt_utils__get_relations_by_prefix(schema, prefix, exclude='', database='') -%}
{{ return(dbt_utils.get_relations_by_pattern(schema, prefix ~ '%', exclude)) }}
{%- endmacro %}

{# Columns that one relation lacks are null there. Texts of two lengths become text, so that none is cut. #}
{% macro dbt_utils__union_relations(relations, column_override=none, include=[], exclude=[], source_column_name='_dbt_source_relation', where=none) -%}
{%- if include and exclude -%}
{{ throw(message='union_relations takes either include or exclude, not both') }}
{%- endif -%}
{%- set names = [] -%}
{%- set types = {} -%}
{%- set held = [] -%}
{%- set wanted = include | map('lower') -%}
{%- set left_out = exclude | map('lower') -%}
{%- for relation in relations if execute -%}
{%- set own = [] -%}
{%- for column in adapter.get_columns_in_relation(relation) -%}
{%- set lowered = column.name | lower -%}
{%- if lowered not in left_out and (not include or lowered in wanted) -%}
{%- do own.append(column.name) -%}
{%- if column.name not in names -%}
{%- do names.append(column.name) -%}
{%- do types.update({column.name: column.data_type}) -%}
{%- elif column.is_string() and types[column.name] != column.data_type -%}
{%- do types.update({column.name: 'text'}) -%}
{%- endif -%}
{%- endif -%}
{%- endfor -%}
{%- do held.append(own) -%}
{%- endfor -%}
{%- if column_override -%}{%- do types.update(column_override) -%}{%- endif -%}
{%- for relation in relations %}
(
    select
        {% if source_column_name is not none %}{{ elt_told(relation) }}::text as {{ source_column_name }}{% if not execute or names %},
        {% endif %}{% endif %}
        {%- if not execute %}*{% endif -%}
        {%- set own = held[loop.index0] if execute else [] -%}
        {%- for name in names -%}
        cast({% if name in own %}{{ adapter.quote(name) }}{% else %}null{% endif %} as {{ types[name] }}) as {{ adapter.quote(name) }}
        {%- if not loop.last %},
        {% endif -%}
        {%- endfor %}
    from {{ relation }}
    {%- if where %}
    where {{ where }}
    {%- endif %}
)
{% if not loop.last %}union all{% endif -%}
{%- endfor -%}
{%- endmacro %}

{% macro dbt_utils__unpivot(relation=none, cast_to='varchar', exclude=none, remove=none, field_name='field_name', value_name='value', quote_identifiers=false) -%}
{%- if relation is none -%}{{ throw(message='unpivot needs the relation whose columns become rows') }}{%- endif -%}
{%- set kept = exclude or [] -%}
{%- set left_out = (kept | map('lower')) -%}
{%- set removed = (remove or []) | map('lower') -%}
{%- set unpivoted = [] -%}
{%- for column in adapter.get_columns_in_relation(relation) -%}
{%- if column.name | lower not in left_out and column.name | lower not in removed -%}
{%- do unpivoted.append(column) -%}
{%- endif -%}
{%- endfor -%}
{%- for column in unpivoted -%}
{%- set name = adapter.quote(column.name) if quote_identifiers else column.name %}
select
    {% for other in kept %}{{ adapter.quote(other) if quote_identifiers else other }},
    {% endfor -%}
    cast({{ literal(column.name) }} as {{ dbt.type_string() }}) as {{ field_name }},
    cast({% if column.data_type == 'boolean' %}{{ dbt.cast_bool_to_text(name) }}{% else %}{{ name }}{% endif %} as {{ cast_to }}) as {{ value_name }}
from {{ relation }}
{% if not loop.last %}union all{% endif %}
{%- else -%}
select {% for other in kept %}{{ adapter.quote(other) if quote_identifiers else other }}, {% endfor -%}
cast(null as {{ dbt.type_string() }}) as {{ field_name }}, cast(null as {{ cast_to }}) as {{ value_name }}
from {{ relation }} where false
{%- endfor -%}
{%- endmacro %}

{% macro dbt_utils__nullcheck(cols) -%}
{%- for column in cols -%}
{%- if column.is_string() %}nullif({{ column.quoted }}, '') as {{ column.quoted }}{% else %}{{ column.quoted }}{% endif -%}
{%- if not loop.last %}, {% endif -%}
{%- endfor -%}
{%- endmacro %}

{% macro dbt_utils__nullcheck_table(relation) -%}
select {% if execute %}{{ dbt_utils.nullcheck(adapter.get_columns_in_relation(relation)) }}{% else %}*{% endif %} from {{ relation }}
{%- endmacro %}

{# How many borders of the part lie between the two; 1 before it can be asked. #}
{% macro dbt_utils__get_intervals_between(start_date, end_date, datepart) -%}
{{ return(dbt_utils.get_single_value('select ' ~ dbt.datediff(start_date, end_date, datepart), default=1)) }}
{%- endmacro %}

{% macro dbt_utils__log_info(message) -%}{{ log(message, info=true) }}{%- endmacro %}
