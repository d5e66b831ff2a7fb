//! What the streaming service offers, and where its customers live.

/// A plan: its name, and its price a month.
pub const PLANS: [(&str, u64); 4] = [("Student", 5), ("Family", 10), ("Basic", 7), ("Premium", 9)];

pub struct Film {
    pub name: &'static str,
    pub year: u64,
    /// Unit: minutes.
    pub minutes: u64,
    /// In tenths.
    pub rating: u64,
    pub genre: &'static str,
}

const fn film(name: &'static str, year: u64, minutes: u64, rating: u64, genre: &'static str) -> Film {
    Film { name, year, minutes, rating, genre }
}

pub const FILMS: [Film; 10] = [
    film("The Lighthouse Keeper's Son", 2011, 118, 78, "Drama"),
    film("Paper Planets", 2019, 96, 71, "Animation"),
    film("Nine Floors Down", 2016, 109, 66, "Thriller"),
    film("A Summer in Sines", 2008, 101, 73, "Romance"),
    film("Orbit of Glass", 2021, 142, 81, "Science Fiction"),
    film("The Accountant's Holiday", 2014, 94, 62, "Comedy"),
    film("Salt and Iron", 2005, 131, 84, "Drama"),
    film("Midnight at Platform 4", 2018, 105, 69, "Thriller"),
    film("Two Left Shoes", 2022, 88, 58, "Comedy"),
    film("The Long Harvest", 1999, 156, 87, "Documentary"),
];

pub const SEGMENTS: [(&str, &str); 4] = [
    ("Lost Cause", "watches next to nothing"),
    ("Vulnerable Customers", "watches little and may leave"),
    ("Free Riders", "watches much for little money"),
    ("Star Customers", "watches and likes much"),
];

pub const PLACES: [&str; 12] = [
    "Berlin",
    "Bogotá",
    "Lagos",
    "Lima",
    "Lisbon",
    "Madrid",
    "Manila",
    "Nairobi",
    "Osaka",
    "São Paulo",
    "Toronto",
    "Vilnius",
];
