//! Bearer tokens: what they allow, how they are made and told apart. A token is shown once; what is kept, in
//! the database and in memory, is its digest.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::pipeline::Answer;

/// So that a token that lies about where it should not is recognised for what it is.
const PREFIX: &str = "elt_";

/// What a token allows. Who may run may read, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Run,
}

/// Whether something is for everybody or for who holds a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Open,
    Token,
}

/// SHA-256 of a token. Tokens are long and random, so that nothing slower is needed.
#[derive(Clone, Copy)]
pub struct Digest(pub [u8; 32]);

/// A token as it is kept.
#[derive(Debug, Clone)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub scope: Scope,
    pub digest: Digest,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Knows the tokens of a service.
pub trait Keyring: Send + Sync + 'static {
    /// Those that are not revoked. The error is a sentence for the log.
    fn tokens(&self) -> Answer<Result<Vec<Token>, String>>;
}

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "run" => Ok(Self::Run),
            other => Err(format!("`{other}` is no scope; there are read and run")),
        }
    }
}

impl Digest {
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Without stopping at the first difference, so that the time it takes tells nothing.
    pub fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |difference, (mine, theirs)| difference | (mine ^ theirs)) == 0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Token {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A new token: 256 random bits from the operating system.
pub fn new_token() -> String {
    let bits: [u8; 32] = rand::random();
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_the_same_and_known_by_their_digest() {
        let (one, other) = (new_token(), new_token());
        assert_eq!(one.len(), 47);
        assert_ne!(one, other);
        assert!(Digest::of(one.as_bytes()).is(&Digest::of(one.as_bytes())));
        assert!(!Digest::of(one.as_bytes()).is(&Digest::of(other.as_bytes())));
        assert_eq!(format!("{:?}", Digest::of(one.as_bytes())), "***");
    }

    #[test]
    fn who_may_run_may_read() {
        assert!(Scope::Run > Scope::Read);
        assert_eq!("admin".parse::<Scope>(), Err("`admin` is no scope; there are read and run".into()));
    }
}
