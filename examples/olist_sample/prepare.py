"""One row per customer from Olist's orders: the first reviewed order, its score, and the next order.

    python prepare.py orders.csv customers.csv reviews.csv      # Olist's three tables
    python prepare.py olist_orders.csv.gz                       # or one table in which they are joined already

writes data/olist_customers.csv.gz beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

DATES = [
    "order_purchase_timestamp",
    "order_delivered_customer_date",
    "order_estimated_delivery_date",
    "review_creation_date",
    "review_answer_timestamp",
]


def joined(orders: pd.DataFrame, customers: pd.DataFrame, reviews: pd.DataFrame) -> pd.DataFrame:
    """Orders with their customer and their last answered review."""
    last = reviews.sort_values("review_answer_timestamp").drop_duplicates("order_id", keep="last")
    columns = ["order_id", "review_score", "review_creation_date", "review_answer_timestamp"]
    return orders.merge(customers, on="customer_id", how="left").merge(
        last[columns], on="order_id", how="left"
    )


def first_reviewed(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per customer: the first order with a review, and the day of the first order after the review was sent."""
    table = orders.assign(**{name: pd.to_datetime(orders[name]) for name in DATES})
    table = table.sort_values("order_purchase_timestamp", kind="stable")
    first = table[table["review_creation_date"].notna()].drop_duplicates("customer_unique_id")
    later = table[["customer_unique_id", "order_purchase_timestamp"]].rename(
        columns={"order_purchase_timestamp": "next_order"}
    )
    pairs = first[["customer_unique_id", "review_creation_date"]].merge(later, on="customer_unique_id")
    pairs = pairs[pairs["next_order"] > pairs["review_creation_date"] + pd.Timedelta(days=1)]
    first = first.merge(
        pairs.groupby("customer_unique_id")["next_order"].min().reset_index(),
        on="customer_unique_id",
        how="left",
    )
    delivered = first["order_delivered_customer_date"]
    day = pd.Timedelta(days=1)
    return pd.DataFrame(
        {
            "customer": first["customer_unique_id"],
            "state": first["customer_state"],
            "status": first["order_status"],
            "review_sent": first["review_creation_date"].dt.date,
            "review_answered": first["review_answer_timestamp"].dt.date,
            "score": first["review_score"].astype("Int64"),
            "days_to_deliver": ((delivered - first["order_purchase_timestamp"]) / day).round(1),
            "days_late": ((delivered - first["order_estimated_delivery_date"]) / day).round(1),
            "next_order": first["next_order"].dt.date,
        }
    )


def main(paths: list[str]) -> None:
    """Read one joined table, or Olist's three, and write the customers."""
    tables = [pd.read_csv(path) for path in paths]
    if len(tables) not in (1, 3):
        raise SystemExit(__doc__)
    out = Path(__file__).parent / "data" / "olist_customers.csv.gz"
    out.parent.mkdir(exist_ok=True)
    first_reviewed(tables[0] if len(tables) == 1 else joined(*tables)).to_csv(out, index=False)
    print(f"wrote {out}")


if __name__ == "__main__":
    main(sys.argv[1:])
