//! How often a caller may come: by token, else by address. Who guesses tokens is shut out for a while,
//! whatever the settings.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Wrong tokens that an address may send at once, and how long it takes until it may send one more.
const GUESSES: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");
const PER_GUESS: Duration = Duration::from_secs(6);

/// Requests a second in the long run, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// By its id; 0 is the profile's own.
    Token(i64),
    Address(IpAddr),
}

pub struct Limits {
    requests: Option<DefaultKeyedRateLimiter<Caller>>,
    guesses: DefaultKeyedRateLimiter<IpAddr>,
    shut_out: Mutex<HashMap<IpAddr, Instant>>,
}

impl Limits {
    pub fn new(rate: Option<Rate>) -> Self {
        let requests =
            rate.map(|rate| RateLimiter::keyed(Quota::per_second(rate.per_second).allow_burst(rate.burst)));
        let guesses = Quota::with_period(PER_GUESS).expect("the period is not 0").allow_burst(GUESSES);
        Self { requests, guesses: RateLimiter::keyed(guesses), shut_out: Mutex::default() }
    }

    /// Whether requests are limited at all.
    pub fn any(&self) -> bool {
        self.requests.is_some()
    }

    /// Counts a request. The error is how long to wait.
    pub fn count(&self, caller: Caller) -> Result<(), Duration> {
        let Some(requests) = &self.requests else { return Ok(()) };
        requests
            .check_key(&caller_key(caller))
            .map_err(|not_yet| not_yet.wait_time_from(DefaultClock::default().now()))
    }

    /// Counts a wrong token; after too many, the address is shut out until it may send one more.
    pub fn wrong_token(&self, address: IpAddr) {
        if let Err(not_yet) = self.guesses.check_key(&network(address)) {
            let wait = not_yet.wait_time_from(DefaultClock::default().now());
            self.shut().insert(network(address), Instant::now() + wait);
        }
    }

    /// How long an address is still shut out.
    pub fn shut_out(&self, address: IpAddr) -> Option<Duration> {
        let until = *self.shut().get(&network(address))?;
        until.checked_duration_since(Instant::now())
    }

    pub fn forget_the_quiet(&self) {
        if let Some(requests) = &self.requests {
            requests.retain_recent();
            requests.shrink_to_fit();
        }
        self.guesses.retain_recent();
        let now = Instant::now();
        self.shut().retain(|_, until| *until > now);
    }

    fn shut(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        // Single inserts and removals: a panic elsewhere leaves nothing half.
        self.shut_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn caller_key(caller: Caller) -> Caller {
    match caller {
        Caller::Address(address) => Caller::Address(network(address)),
        token => token,
    }
}

/// One household has 2^64 addresses of IPv6; they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_a_caller_waits_and_others_do_not() {
        let rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(3).unwrap() };
        let limits = Limits::new(Some(rate));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| Caller::Address(text.parse().unwrap()));
        let counted: Vec<bool> = (0..5).map(|_| limits.count(one).is_ok()).collect();
        assert_eq!(counted, [true, true, true, false, false]);
        assert!(limits.count(other).is_ok());
        assert!(limits.count(Caller::Token(1)).is_ok());
        assert!(limits.count(one).unwrap_err() <= Duration::from_secs(1));
    }

    #[test]
    fn addresses_of_one_network_are_one_caller() {
        let limits = Limits::new(None);
        for last in 0..=10 {
            limits.wrong_token(format!("2001:db8::{last:x}").parse().unwrap());
        }
        assert!(limits.shut_out("2001:db8::ffff".parse().unwrap()).is_some());
        assert!(limits.shut_out("2001:db8:0:1::1".parse().unwrap()).is_none());
        assert!(limits.count(Caller::Address("2001:db8::1".parse().unwrap())).is_ok());
    }
}
