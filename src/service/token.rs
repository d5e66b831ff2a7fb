//! The bearer token of what changes state. Only its digest is kept, and digests are compared without
//! stopping at the first difference, so that neither memory nor timing tells the token.

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use sha2::{Digest, Sha256};

use super::problem::Problem;

pub struct Token([u8; 32]);

impl Token {
    pub fn new(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Errors: 401 without a bearer token, or with another.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let sent = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
        });
        match sent {
            Some(sent) if self.is(sent) => Ok(()),
            Some(_) => Err(refusal("The bearer token is wrong.", r#"Bearer error="invalid_token""#)),
            None => Err(refusal("This needs a bearer token.", "Bearer")),
        }
    }

    fn is(&self, sent: &[u8]) -> bool {
        let sent: [u8; 32] = Sha256::digest(sent).into();
        self.0.iter().zip(sent).fold(0, |difference, (mine, theirs)| difference | (mine ^ theirs)) == 0
    }
}

fn refusal(message: &'static str, challenge: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
        .with_hint("Send the header `Authorization: Bearer <token>`.")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
