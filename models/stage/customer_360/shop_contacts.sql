{{ config(materialized='view', tags=['customer_360']) }}
-- Prod reads stage, not raw.
select * from {{ ref('customer_service') }}
