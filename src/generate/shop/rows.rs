//! Each table's rows. A row draws from its own chance only, so it is the same however it is reached.

use std::fmt::Write;

use super::facts::{AUDIENCES, BRANDS, CHANNELS, FIRST_NAMES, LAST_NAMES, SEASONS, SHELVES};
use super::{Kind, ShopTable};
use crate::generate::calendar::{day, push_date};
use crate::generate::table::{Chance, push_money, shuffled};

/// Purchases, contacts and visits fall into these two years.
const FIRST_YEAR: i64 = 2023;
const YEARS: u64 = 2;

pub fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Customers => &[
            "customer_id",
            "first_name",
            "last_name",
            "email",
            "phone_number",
            "date_of_birth",
            "registration_date",
        ],
        Kind::Products => &["product_id", "product_name", "category", "brand", "price", "launch_date"],
        Kind::Purchases => &[
            "transaction_id",
            "customer_id",
            "product_id",
            "purchase_date",
            "quantity",
            "total_amount",
            "store_id",
        ],
        Kind::Contacts => &[
            "interaction_id",
            "customer_id",
            "interaction_date",
            "interaction_type",
            "product_id",
            "resolution_status",
            "satisfaction_score",
        ],
        Kind::Campaigns => {
            &["campaign_id", "campaign_name", "start_date", "end_date", "channel", "target_audience"]
        }
        Kind::Responses => &["response_id", "campaign_id", "customer_id", "response_date", "response_type"],
        Kind::Sessions => {
            &["session_id", "customer_id", "visit_date", "pages_viewed", "time_spent", "source"]
        }
    }
}

pub fn fill(shop: &ShopTable, number: u64, fields: &mut [String]) {
    let mut row = Row { shop, chance: Chance::of(shop.seed, shop.kind as u64, number), fields, at: 0 };
    row.put(number + 1);
    match shop.kind {
        Kind::Customers => row.customer(number + 1),
        Kind::Products => row.product(number + 1),
        Kind::Purchases => row.purchase(),
        Kind::Contacts => row.contact(),
        Kind::Campaigns => row.campaign(number),
        Kind::Responses => row.response(),
        Kind::Sessions => row.session(),
    }
}

struct Row<'a> {
    shop: &'a ShopTable,
    chance: Chance,
    fields: &'a mut [String],
    at: usize,
}

impl Row<'_> {
    fn field(&mut self) -> &mut String {
        self.at += 1;
        &mut self.fields[self.at - 1]
    }

    fn put(&mut self, value: impl std::fmt::Display) {
        // Writing into a String does not fail.
        let _ = write!(self.field(), "{value}");
    }

    fn date(&mut self, of: i64) {
        push_date(self.field(), of);
    }

    /// A customer of the first `share` of 1,000 in an order of its own; the first of them more often.
    fn customer_id(&mut self, share: u64, salt: u64, weight: u32) {
        let all = self.shop.rows_of(Kind::Customers);
        let rank = self.chance.low(weight, all * share / 1000);
        self.put(shuffled(rank, all, salt));
    }

    fn day_in_season(&mut self) -> i64 {
        let year = FIRST_YEAR + self.chance.below(YEARS) as i64;
        let month = self.chance.weighted(&SEASONS) as i64 + 1;
        day(year, month, 1 + self.chance.below(28) as i64)
    }

    fn any_day(&mut self) -> i64 {
        day(FIRST_YEAR, 1, 1) + self.chance.below(365 * YEARS) as i64
    }

    fn customer(&mut self, id: u64) {
        let first = self.chance.one(&FIRST_NAMES);
        let last = self.chance.one(&LAST_NAMES);
        self.put(first);
        self.put(last);
        let name = last.to_lowercase().replace('\'', "");
        self.put(format_args!("{}.{name}{id}@example.com", first.to_lowercase()));
        let phone = self.chance.below(10_000_000);
        self.put(format_args!("+1-555-{phone:07}"));
        let born = day(1945, 1, 1) + self.chance.below(60 * 365) as i64;
        self.date(born);
        let registered = day(2020, 1, 1) + self.chance.below(3 * 365) as i64;
        self.date(registered);
    }

    fn product(&mut self, id: u64) {
        let shelf = &SHELVES[(id % SHELVES.len() as u64) as usize];
        let brand = self.chance.one(&BRANDS);
        let thing = self.chance.one(&shelf.things);
        self.put(format_args!("{brand} {thing} {id}"));
        self.put(shelf.category);
        self.put(brand);
        let price = price(self.shop.seed, id);
        push_money(self.field(), price);
        let launched = day(2018, 1, 1) + self.chance.below(5 * 365) as i64;
        self.date(launched);
    }

    fn purchase(&mut self) {
        self.customer_id(850, 0, 2);
        let product = 1 + self.chance.low(2, self.shop.rows_of(Kind::Products));
        self.put(product);
        let bought = self.day_in_season();
        self.date(bought);
        let quantity = 1 + self.chance.low(3, 5);
        self.put(quantity);
        let full = price(self.shop.seed, product) * quantity;
        // Now and then a tenth off.
        let paid = if self.chance.permille(150) { full * 9 / 10 } else { full };
        push_money(self.field(), paid);
        let store = 1 + self.chance.below(12);
        self.put(store);
    }

    fn contact(&mut self) {
        self.customer_id(600, 1, 2);
        let asked = self.any_day();
        self.date(asked);
        let kind = self.chance.weighted(&[35, 45, 20]);
        self.put(["complaint", "inquiry", "feedback"][kind]);
        let product = 1 + self.chance.below(self.shop.rows_of(Kind::Products));
        // A third of all contacts are about no product.
        if self.chance.permille(667) {
            self.put(product)
        } else {
            self.at += 1
        }
        let status = ["resolved", "pending", "escalated"][self.chance.weighted(&[75, 15, 10])];
        self.put(status);
        let score = if kind == 0 { 1 + self.chance.low(2, 10) } else { 10 - self.chance.low(2, 9) };
        if self.chance.permille(900) { self.put(score) } else { self.at += 1 }
    }

    fn campaign(&mut self, number: u64) {
        let channel = self.chance.one(&CHANNELS);
        let audience = self.chance.one(&AUDIENCES);
        self.put(format_args!("{audience} by {channel} {}", number + 1));
        let (start, end) = campaign_days(self.shop, number);
        self.date(start);
        self.date(end);
        self.put(channel);
        self.put(audience);
    }

    fn response(&mut self) {
        let campaign = self.chance.below(self.shop.rows_of(Kind::Campaigns));
        self.put(campaign + 1);
        self.customer_id(920, 2, 1);
        let (start, end) = campaign_days(self.shop, campaign);
        let answered = start + self.chance.below((end - start + 1) as u64) as i64;
        self.date(answered);
        let kind = self.chance.weighted(&[62, 23, 15]);
        self.put(["click", "purchase", "unsubscribe"][kind]);
    }

    fn session(&mut self) {
        self.customer_id(900, 3, 2);
        let visited = self.any_day();
        self.date(visited);
        let pages = 1 + self.chance.low(2, 25);
        self.put(pages);
        let seconds = pages * (10 + self.chance.below(80));
        self.put(seconds);
        let source = ["organic search", "paid ad", "direct"][self.chance.weighted(&[50, 20, 30])];
        self.put(source);
    }
}

/// Unit: cents. Prices end in 9.
fn price(seed: u64, product: u64) -> u64 {
    let (from, to) = SHELVES[(product % SHELVES.len() as u64) as usize].prices;
    let drawn = from + Chance::of(seed, 100, product).low(2, to - from);
    drawn / 10 * 10 + 9
}

/// A few weeks each, one after the other through the two years.
fn campaign_days(shop: &ShopTable, number: u64) -> (i64, i64) {
    let apart = 365 * YEARS / shop.rows_of(Kind::Campaigns);
    let start = day(FIRST_YEAR, 1, 1) + (number * apart) as i64;
    let weeks = 1 + Chance::of(shop.seed, 101, number).below(4);
    (start, start + weeks as i64 * 7)
}
