{{ config(materialized='table', tags=['vouchers']) }}
select max({{ as_utc('timestamp') }})::date as newest_day
from {{ ref('voucher_history') }}
