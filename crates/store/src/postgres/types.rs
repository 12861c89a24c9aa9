//! Values as PostgreSQL takes them.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// 16 bytes as `uuid`, half as large as `bytea` with its length and alignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Uuid(pub(super) [u8; 16]);

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    accepts!(UUID);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    accepts!(UUID);
}

/// 8 bytes as `bigint`.
pub(super) fn signed(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes)
}

/// The 8 bytes that [`signed`] was given.
pub(super) fn unsigned(number: i64) -> [u8; 8] {
    number.to_be_bytes()
}
