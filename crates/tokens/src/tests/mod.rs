//! Tests that need what no caller may touch: injected blinds and proof scalars, and the VOPRF mode.

mod conformance;
mod differential;
mod vectors;

use alloc::string::String;
use alloc::vec::Vec;

use curve25519_dalek::Scalar;
use serde_json::Value;

/// The bytes of a hexadecimal string.
fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a string")).expect("hexadecimal")
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("a value of this length")
}

fn scalar(value: &Value) -> Scalar {
    Scalar::from_canonical_bytes(array(value)).expect("a canonical scalar")
}

fn each<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().expect("a list").iter().map(read).collect()
}

fn hexes<T: AsRef<[u8]>>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(hex::encode).collect()
}
