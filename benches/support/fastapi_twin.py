"""getVoucher as one would write it with FastAPI: validated by pydantic, answered from memory.

Run by uvicorn: python -m uvicorn fastapi_twin:app
"""

from datetime import datetime, timezone
from typing import Literal

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

FREQUENT = [("0-4", 0, 4, 2640.0), ("5-13", 5, 13, 2640.0), ("14-37", 14, 37, 2640.0), ("38+", 38, None, 2640.0)]
RECENCY = [("30-60", 30, 60, 2640.0), ("61-90", 61, 90, 2640.0), ("91-120", 91, 120, 2640.0), ("180+", 181, None, 2640.0)]
SEGMENTS = {("Peru", "frequent_segment"): FREQUENT, ("Peru", "recency_segment"): RECENCY}

app = FastAPI()


class Customer(BaseModel):
    customer_id: int = Field(ge=0)
    country_code: str
    last_order_ts: datetime | None = None
    first_order_ts: datetime | None = None
    total_orders: int = Field(ge=0)
    segment_name: Literal["frequent_segment", "recency_segment"]


@app.post("/getVoucher/")
async def get_voucher(customer: Customer):
    segments = SEGMENTS.get((customer.country_code, customer.segment_name))
    if segments is None:
        raise HTTPException(404, "unknown country")
    if customer.segment_name == "frequent_segment":
        value = customer.total_orders
    else:
        value = (datetime.now(timezone.utc) - customer.last_order_ts).days
    for name, lower, upper, amount in segments:
        if lower <= value and (upper is None or value <= upper):
            return {"voucher_amount": amount, "segment": name, "country_code": customer.country_code}
    raise HTTPException(404, "no segment")
