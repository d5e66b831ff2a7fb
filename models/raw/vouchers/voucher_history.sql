{{ config(
    materialized='load',
    source=var('voucher_history'),
    metadata=['_source', '_loaded_at'],
    tags=['vouchers'],
) }}
-- The file as delivered: every row, every value as text. What it means is stage's business.
timestamp       text,
country_code    text,
last_order_ts   text,
first_order_ts  text,
total_orders    text,
voucher_amount  text
