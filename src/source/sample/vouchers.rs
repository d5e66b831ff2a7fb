//! Stands in for `crate::generate::vouchers` until that is merged.

use std::io::Read;

pub struct VoucherSample {
    pub rows: u64,
    pub seed: u64,
}

impl VoucherSample {
    pub fn from_query(query: &str) -> Result<Self, String> {
        let mut sample = Self { rows: 1000, seed: 1 };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let number = value.parse().map_err(|_| format!("{name} is not a number"));
            match &*name {
                "rows" => sample.rows = number?,
                "seed" => sample.seed = number?,
                "edition" => {}
                _ => return Err(format!("`{name}` is not an option")),
            }
        }
        Ok(sample)
    }

    pub fn csv_reader(&self) -> impl Read + Send + use<> {
        let mut text =
            String::from("timestamp,country_code,last_order_ts,first_order_ts,total_orders,voucher_amount\n");
        for row in 0..self.rows {
            text.push_str(&format!("2018-07-21 18:59:21,Peru,2018-04-20,2018-01-01,{row}.0,2640\n"));
        }
        std::io::Cursor::new(text)
    }
}
