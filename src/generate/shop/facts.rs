//! What the shop is made up from: names, shelves, seasons.

pub const FIRST_NAMES: [&str; 24] = [
    "Ana", "Ben", "Carla", "Diego", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kavya", "Lena",
    "Mateo", "Nadia", "Olga", "Pedro", "Quinn", "Rosa", "Samir", "Tess", "Uma", "Victor", "Wei", "Yara",
];

pub const LAST_NAMES: [&str; 24] = [
    "Alvarez", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jensen",
    "Kumar", "Lopez", "Moreau", "Novak", "O'Brien", "Petrov", "Quispe", "Rossi", "Silva", "Tanaka", "Ueda",
    "Vargas", "Wagner", "Zhang",
];

/// A shelf: its name, what stands on it, and its prices in cents, from and to.
pub struct Shelf {
    pub category: &'static str,
    pub things: [&'static str; 4],
    pub prices: (u64, u64),
}

const fn shelf(category: &'static str, things: [&'static str; 4], from: u64, to: u64) -> Shelf {
    Shelf { category, things, prices: (from, to) }
}

pub const SHELVES: [Shelf; 8] = [
    shelf("Electronics", ["Headphones", "Speaker", "Camera", "Watch"], 2_900, 49_900),
    shelf("Clothing", ["Jacket", "Shirt", "Dress", "Trousers"], 1_500, 15_000),
    shelf("Home", ["Lamp", "Kettle", "Chair", "Carpet"], 1_200, 24_000),
    shelf("Sports", ["Ball", "Racket", "Mat", "Backpack"], 900, 12_000),
    shelf("Books", ["Novel", "Atlas", "Cookbook", "Biography"], 600, 4_500),
    shelf("Beauty", ["Cream", "Perfume", "Brush", "Soap"], 400, 9_000),
    shelf("Toys", ["Puzzle", "Robot", "Kite", "Doll"], 700, 8_000),
    shelf("Garden", ["Shovel", "Hose", "Planter", "Grill"], 800, 30_000),
];

pub const BRANDS: [&str; 10] =
    ["Aurora", "Brightway", "Cedar", "Dynamo", "Everly", "Fjord", "Granite", "Halcyon", "Indigo", "Juniper"];

/// Of a year's purchases, by month: a summer lull and a busy end.
pub const SEASONS: [u64; 12] = [70, 60, 75, 78, 82, 70, 55, 58, 80, 92, 140, 170];

pub const CHANNELS: [&str; 4] = ["email", "sms", "social media", "direct mail"];
pub const AUDIENCES: [&str; 5] = ["new customers", "regulars", "sleepers", "families", "everybody"];
