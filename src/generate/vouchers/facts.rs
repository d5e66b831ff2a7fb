//! How the real history is made up, as rounded shares of each country: what the sample is drawn from.

/// Groups of customers by their orders, in the order of the tables below.
pub const BANDS: [Orders; 6] =
    [Orders::Blank, Orders::Exactly(0), Orders::From(1), Orders::From(5), Orders::From(14), Orders::From(38)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orders {
    /// The empty string.
    Blank,
    Exactly(u32),
    /// From here up to the next band.
    From(u32),
}

pub struct Country {
    pub name: &'static str,
    /// Of 10,000 rows.
    pub share: u32,
    /// Rows without a voucher amount, of 100,000.
    pub without_amount: u32,
    /// Weight of each band.
    pub bands: [u32; 6],
    /// Of 1,000 rows of a band, those whose last order is three months back rather than one.
    pub long_gone: [u32; 6],
    pub amounts: &'static [Amount],
}

/// A voucher value in the country's currency, and its weight in each band.
pub struct Amount {
    pub value: u16,
    pub weights: [u32; 6],
}

const fn amount(value: u16, weights: [u32; 6]) -> Amount {
    Amount { value, weights }
}

pub const COUNTRIES: [Country; 4] = [
    Country {
        name: "China",
        share: 3493,
        without_amount: 342,
        bands: [80, 155, 304, 226, 136, 99],
        long_gone: [430, 367, 609, 305, 255, 231],
        amounts: &[
            amount(1760, [478, 527, 493, 487, 442, 386]),
            amount(3080, [53, 49, 53, 53, 56, 60]),
            amount(4400, [180, 155, 171, 175, 197, 232]),
            amount(5720, [60, 56, 59, 59, 63, 65]),
            amount(8800, [229, 213, 224, 226, 242, 257]),
        ],
    },
    Country {
        name: "Australia",
        share: 2745,
        without_amount: 718,
        bands: [80, 106, 237, 253, 194, 130],
        long_gone: [360, 440, 573, 317, 219, 187],
        amounts: &[
            amount(1760, [62, 66, 69, 63, 56, 52]),
            amount(2200, [368, 390, 369, 403, 341, 328]),
            amount(3520, [58, 66, 66, 58, 51, 49]),
            amount(5720, [324, 267, 281, 289, 390, 410]),
            amount(11000, [188, 210, 215, 187, 162, 161]),
        ],
    },
    Country {
        name: "Latvia",
        share: 2189,
        without_amount: 13,
        bands: [81, 87, 304, 246, 168, 114],
        long_gone: [630, 960, 864, 617, 338, 196],
        amounts: &[
            amount(1540, [50, 48, 53, 52, 46, 48]),
            amount(3080, [49, 49, 52, 50, 50, 44]),
            amount(4400, [384, 219, 301, 402, 484, 535]),
            amount(8800, [165, 202, 170, 160, 154, 159]),
            amount(13200, [352, 482, 424, 336, 266, 214]),
        ],
    },
    Country {
        name: "Peru",
        share: 1573,
        without_amount: 1823,
        bands: [78, 95, 312, 229, 162, 124],
        long_gone: [520, 879, 802, 403, 256, 205],
        amounts: &[
            amount(2640, [522, 415, 433, 569, 606, 629]),
            amount(3520, [241, 312, 284, 217, 197, 182]),
            amount(4400, [237, 273, 283, 214, 197, 189]),
        ],
    },
];

/// Defects that are the same in every country, each of 100,000 rows. The shares of customers with one order
/// and two dates, and with no order and two dates, follow from `draw`.
pub mod defects {
    /// Assigned years before the orders they look back on.
    pub const ASSIGNED_BEFORE: u32 = 8_000;
    pub const LAST_BEFORE_FIRST: u32 = 30;
    pub const ORDERS_DO_NOT_PARSE: u32 = 4;
    pub const DATE_DOES_NOT_PARSE: u32 = 4;
    pub const BLANKS_AROUND_ORDERS: u32 = 20;
    pub const ONLY_BLANKS_FOR_ORDERS: u32 = 20;
    pub const COUNTRY_IN_CAPITALS: u32 = 20;
}
