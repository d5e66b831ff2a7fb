"""Works out customer 360 once more, from the CSV files, in plain Python, and compares it with what elt published.

Usage: customer_360.py FOLDER_OF_CSV PUBLISHED_DIR
FOLDER_OF_CSV holds the seven tables as elt generate writes them; PUBLISHED_DIR what elt show writes as CSV, one file
a model, and what elt serve answers, as PATH.served.json and PATH.served.csv. Prints each difference and ends with 1 if
there is any.
"""

import csv
import json
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



def total(keys):
    return rounded(Decimal(sum(money[key] for key in keys)) / 100)


def served(path, is_object):
    """What is answered, as JSON and as CSV: rows of texts, numbers as they are written."""
    text = (published / f"{path}.served.json").read_text(encoding="utf-8")
    answer = json.loads(text, parse_float=Decimal)
    rows = [answer] if is_object else answer
    plain = lambda value: "" if value is None else str(value)
    yield "JSON", [{column: plain(value) for column, value in row.items()} for row in rows]
    with open(published / f"{path}.served.csv", newline="", encoding="utf-8") as file:
        yield "CSV", list(csv.DictReader(file))


def check(model, path, rows, is_object=False):
    """What stands in prod, in any order; what is served, in its order."""
    order = lambda rows: sorted(rows, key=lambda row: sorted(row.items()))
    if model:
        expect(model, order(read(published, model)), order(rows))
    for kind, answer in served(path, is_object):
        if len(answer) != len(rows):
            faults.append(f"{path} as {kind}: {len(answer)} rows served, {len(rows)} worked out")
        for number, (found, row) in enumerate(zip(answer, rows)):
            expect(f"{path} as {kind}, row {number}", found, row)


orders = sum(count.values())
buyers = [n for n in count.values() if n]
check("customer_360_kpis", "kpis", [{
    "total_customers": str(len(customers)),
    "total_lifetime_value": total(money),
    "average_order_value": rounded(Decimal(sum(money.values())) / 100 / orders),
    "retention_rate": rounded(Decimal(100 * sum(n > 1 for n in buyers)) / len(buyers)),
}], is_object=True)

by_segment = defaultdict(list)
by_risk = Counter()
by_scores = defaultdict(list)
for key, row in wanted.items():
    by_segment[row["customer_segment"]].append(key)
    by_risk[row["churn_risk_score"]] += 1
    by_scores[row["recency_score"], row["frequency_score"], row["monetary_score"]].append(key)
check("customer_value_segments", "customer_segments", [
    {"customer_segment": name, "customers": str(len(keys)), "total_lifetime_value": total(keys)}
    for name, keys in sorted(by_segment.items(), key=lambda pair: (-len(pair[1]), pair[0]))
])
check("churn_risk", "churn_risk", [
    {"churn_risk_score": name, "customers": str(n)}
    for name, n in sorted(by_risk.items(), key=lambda pair: (-pair[1], pair[0]))
])
scores = ("recency_score", "frequency_score", "monetary_score")
check("rfm_segmentation", "rfm_segmentation", [
    {**dict(zip(scores, triple)), "customers": str(len(keys)), "total_lifetime_value": total(keys)}
    for triple, keys in sorted(by_scores.items())
])

months, categories = defaultdict(list), defaultdict(list)
for row in purchases:
    months[row["purchase_date"][:7] + "-01"].append(row)
    categories[products[row["product_id"]]["category"]].append(row)


def revenue(rows):
    return rounded(Decimal(sum(row["cents"] for row in rows)) / 100)


check("monthly_revenue", "monthly_revenue", [
    {"month": month, "revenue": revenue(rows), "purchases": str(len(rows))} for month, rows in sorted(months.items())
])
check("product_category_performance", "product_category_performance", [
    {
        "category": name,
        "revenue": revenue(rows),
        "units_sold": str(sum(int(row["quantity"]) for row in rows)),
        "purchases": str(len(rows)),
        "customers": str(len({row["customer_id"] for row in rows})),
    }
    for name, rows in sorted(categories.items(), key=lambda pair: (-sum(row["cents"] for row in pair[1]), pair[0]))
])
best = sorted(money, key=lambda key: (-money[key], int(key)))[:5]
top = ("customer_id", "first_name", "last_name", "total_lifetime_value", "total_purchases", "customer_segment")
check(None, "top_customers", [{column: wanted[key][column] for column in top} for key in best])
given = [int(row["satisfaction_score"]) for row in contacts if row["satisfaction_score"]]
check("customer_satisfaction", "customer_satisfaction", [{
    "average_satisfaction_score": rounded(Decimal(sum(given)) / len(given)),
    "scores": str(len(given)), "contacts": str(len(contacts)),
}], is_object=True)

print("\n".join(faults[:20]) or f"all figures of {len(customers)} customers agree")
sys.exit(bool(faults))
