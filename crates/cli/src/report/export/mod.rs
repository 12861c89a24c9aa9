//! An answer for other programs: JSON as protobuf defines it, and CSV (`spec/reporting.md`, §12).

mod query;
mod sheet;
mod views;

use anyhow::{Context as _, Result};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

pub(crate) use self::{
    query::{counts, ratios},
    sheet::{Feed, Sheet},
    views::{alerts, campaigns, funnel, reconciliation},
};

/// Any message as JSON: protobuf's own mapping, with the field names of `proto/`, numbers as numbers and no field left out.
pub(crate) fn json(message: &impl prost::Message, name: &str) -> Result<serde_json::Value> {
    let pool = DescriptorPool::decode(tacita_proto::DESCRIPTORS)?;
    let described = pool.get_message_by_name(&format!("tacita.v1.{name}")).context("the message has a descriptor")?;
    let dynamic = DynamicMessage::decode(described, message.encode_to_vec().as_slice())?;
    let options =
        SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false).skip_default_fields(false);
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}
