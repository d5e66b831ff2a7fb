"""Works out customer 360 once more, from the CSV files, in plain Python, and compares it with what elt published.

Usage: customer_360.py FOLDER_OF_CSV PUBLISHED_DIR
FOLDER_OF_CSV holds the seven tables as elt generate writes them; PUBLISHED_DIR what elt show writes as CSV, one file
a model. Prints each difference and ends with 1 if there is any.
"""

import csv
import sys
from collections import Counter, defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

sources, published = Path(sys.argv[1]), Path(sys.argv[2])
faults = []


def read(folder, name):
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rounded(value, places=2):
    return "" if value is None else str(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def expect(what, found, wanted):
    if found != wanted:
        faults.append(f"{what}: published {found!r}, worked out {wanted!r}")


products = {row["product_id"]: row for row in read(sources, "product_catalog")}
channels = {row["campaign_id"]: row["channel"] for row in read(sources, "marketing_campaigns")}
customers = read(sources, "customer_info")
purchases = read(sources, "purchase_transactions")
contacts = read(sources, "customer_service")

bought = defaultdict(list)
for row in purchases:
    row["cents"] = int(row["total_amount"].replace(".", ""))
    bought[row["customer_id"]].append(row)
called = defaultdict(list)
for row in contacts:
    called[row["customer_id"]].append(row)
visited = defaultdict(list)
for row in read(sources, "website_behavior"):
    visited[row["customer_id"]].append(int(row["time_spent"]))
reached = defaultdict(lambda: defaultdict(bool))
for row in read(sources, "campaign_responses"):
    reached[row["customer_id"]][row["campaign_id"]] |= row["response_type"] != "unsubscribe"
newest = date.fromisoformat(max(row["purchase_date"] for row in purchases))


def favorite(rows, column):
    counts, spent = Counter(), Counter()
    for row in rows:
        name = products[row["product_id"]][column]
        counts[name] += 1
        spent[name] += row["cents"]
    return min(counts, key=lambda name: (-counts[name], -spent[name], name)) if counts else ""


def most(counts):
    return min(counts, key=lambda name: (-counts[name], name)) if counts else ""


def fifths(values):
    """For each value how many are smaller, as a fifth from 1 to 5."""
    smaller, place = {}, 0
    for value, count in sorted(Counter(values).items()):
        smaller[value] = place
        place += count
    return {value: 1 + 5 * below // len(values) for value, below in smaller.items()}


money = {c["customer_id"]: sum(row["cents"] for row in bought[c["customer_id"]]) for c in customers}
count = {c["customer_id"]: len(bought[c["customer_id"]]) for c in customers}
last = {key: max((row["purchase_date"] for row in bought[key]), default="") for key in money}
money_score, count_score = fifths(list(money.values())), fifths(list(count.values()))
last_score = fifths(list(last.values()))

wanted = {}
for customer in customers:
    key = customer["customer_id"]
    days = (newest - date.fromisoformat(last[key])).days if last[key] else None
    scores = [int(row["satisfaction_score"]) for row in called[key] if row["satisfaction_score"]]
    contact = max(called[key], key=lambda row: (row["interaction_date"], int(row["interaction_id"])), default=None)
    asked = Counter(products[row["product_id"]]["category"] for row in called[key] if row["product_id"])
    answered = [campaign for campaign, yes in reached[key].items() if yes]
    wanted[key] = {
        **customer,
        "total_lifetime_value": rounded(Decimal(money[key]) / 100),
        "total_purchases": str(count[key]),
        "last_purchase_date": last[key],
        "days_since_last_purchase": "" if days is None else str(days),
        "favorite_product_category": favorite(bought[key], "category"),
        "favorite_brand": favorite(bought[key], "brand"),
        "average_order_value": rounded(Decimal(money[key]) / 100 / count[key]) if count[key] else "",
        "customer_segment": "High Value" if money[key] > 100000 else "Medium Value" if money[key] > 50000 else "Low Value",
        "recency_score": str(last_score[last[key]]),
        "frequency_score": str(count_score[count[key]]),
        "monetary_score": str(money_score[money[key]]),
        "last_interaction_date": contact["interaction_date"] if contact else "",
        "last_interaction_type": contact["interaction_type"] if contact else "",
        "average_satisfaction_score": rounded(Decimal(sum(scores)) / len(scores)) if scores else "",
        "total_website_visits": str(len(visited[key])),
        "average_time_spent_on_site": rounded(Decimal(sum(visited[key])) / len(visited[key])) if visited[key] else "",
        "most_viewed_product_category": most(asked),
        "campaign_response_rate": rounded(Decimal(len(answered)) / len(reached[key]), 4) if reached[key] else "",
        "preferred_marketing_channel": most(Counter(channels[campaign] for campaign in answered)),
        "churn_risk_score": "No Purchase" if days is None else "High" if days > 180 else "Medium" if days > 90 else "Low",
    }

found = {row["customer_id"]: row for row in read(published, "customer_360")}
expect("customers", sorted(found), sorted(wanted))
for key in wanted:
    for column, value in wanted[key].items():
        expect(f"customer {key}, {column}", found.get(key, {}).get(column), value)

total, orders = sum(money.values()), sum(count.values())
buyers = [n for n in count.values() if n]
expect("kpis", read(published, "customer_360_kpis"), [{
    "total_customers": str(len(customers)),
    "total_lifetime_value": rounded(Decimal(total) / 100),
    "average_order_value": rounded(Decimal(total) / 100 / orders),
    "retention_rate": rounded(Decimal(100 * sum(n > 1 for n in buyers)) / len(buyers)),
}])
for model, column in [("customer_value_segments", "customer_segment"), ("churn_risk", "churn_risk_score")]:
    expect(model, {row[column]: row["customers"] for row in read(published, model)},
           {name: str(n) for name, n in Counter(row[column] for row in wanted.values()).items()})
months, categories = Counter(), Counter()
for row in purchases:
    months[row["purchase_date"][:7] + "-01"] += row["cents"]
    categories[products[row["product_id"]]["category"]] += row["cents"]
expect("monthly_revenue", {row["month"]: row["revenue"] for row in read(published, "monthly_revenue")},
       {month: rounded(Decimal(cents) / 100) for month, cents in months.items()})
expect("categories", {row["category"]: row["revenue"] for row in read(published, "product_category_performance")},
       {name: rounded(Decimal(cents) / 100) for name, cents in categories.items()})
scores = [int(row["satisfaction_score"]) for row in contacts if row["satisfaction_score"]]
expect("satisfaction", read(published, "customer_satisfaction"), [{
    "average_satisfaction_score": rounded(Decimal(sum(scores)) / len(scores)),
    "scores": str(len(scores)), "contacts": str(len(contacts)),
}])
triples = Counter((row["recency_score"], row["frequency_score"], row["monetary_score"]) for row in wanted.values())
expect("rfm", {(row["recency_score"], row["frequency_score"], row["monetary_score"]): int(row["customers"])
               for row in read(published, "rfm_segmentation")}, dict(triples))

print("\n".join(faults[:20]) or f"all figures of {len(customers)} customers agree")
sys.exit(bool(faults))
