//! A name for each request, to find it in the logs of proxy and service.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, in requests and responses.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest one that is taken from a client, in bytes.
const LONGEST: usize = 128;

/// Makes names that no other process makes.
#[derive(Debug, Default)]
pub(crate) struct RequestIds {
    made: AtomicU64,
    seed: RandomState,
}

impl RequestIds {
    /// The client's, if it is sane, else a new one.
    pub(crate) fn take_or_make(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_sane(given) => given.clone(),
            _ => self.make(),
        }
    }

    fn make(&self) -> HeaderValue {
        let count = self.made.fetch_add(1, Relaxed);
        let id = format!("{:016x}", self.seed.hash_one(count));
        // Hexadecimal digits always fit a header.
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from(count))
    }
}

/// Short and of harmless characters: it goes into the log as it is.
fn is_sane(id: &HeaderValue) -> bool {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+/:=@".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(harmless)
}
