//! Values of the environment that are nobody's business: they are hidden wherever text leaves elt.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A variable whose name holds one of these is a secret.
const WORDS: [&str; 7] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "API_KEY", "DATABASE_URL"];
/// The same, however short its value is: with dbt, too, such a name says so.
const PREFIXES: [&str; 2] = ["DBT_ENV_SECRET", "ELT_ENV_SECRET"];
/// Shorter values would hide innocent text.
const SHORTEST: usize = 6;
const SHORTEST_PASSWORD: usize = 4;

/// What stands where a secret stood.
pub const HIDDEN: &str = "***";

/// A text that is never shown: not printed, not written into an artifact.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// The secrets of one environment.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    pub fn of(env: &BTreeMap<String, String>) -> Self {
        let is_secret = |name: &str| WORDS.iter().any(|word| name.to_uppercase().contains(word));
        let is_said = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let named = env.iter().filter(|(name, value)| {
            let shortest = if is_said(name) { 1 } else { SHORTEST };
            is_secret(name) && value.trim().len() >= shortest
        });
        let mut values: Vec<String> = named.map(|(_, value)| value.clone()).collect();
        let passwords = values.iter().filter_map(|value| password(value)).collect::<Vec<_>>();
        values.extend(passwords);
        values.sort_by_key(|value| Reverse(value.len()));
        Self(values)
    }

    /// The text with every secret as `***`.
    pub fn hide(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| {
            // Nearly no text holds one, and to look is cheaper than to replace nothing.
            if text.contains(secret) { text.replace(secret, HIDDEN) } else { text }
        };
        self.0.iter().fold(text.to_owned(), hide)
    }
}

/// The password of a URL is a secret by itself.
fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (login, _) = rest.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    (password.len() >= SHORTEST_PASSWORD).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_environment_are_hidden_and_other_values_are_not() {
        let env = BTreeMap::from([
            ("DATABASE_URL".to_owned(), "postgres://u:hunter22@h/d".to_owned()),
            ("HOME".to_owned(), "/home/someone".to_owned()),
        ]);
        let text = "x postgres://u:hunter22@h/d hunter22 /home/someone";
        assert_eq!(Secrets::of(&env).hide(text), "x *** *** /home/someone");
        let short = [("DBT_ENV_SECRET_PIN", "42"), ("DBT_ENV_SECRET_NONE", " "), ("MY_SECRET", "xyz")];
        let env = short.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(Secrets::of(&env).hide("pin 42 of xyz"), "pin *** of xyz");
    }
}
