//! The gRPC services: each method admits its caller, reads the request, calls the room that does the work, writes the answer.

mod admin;
mod collection;
mod manifest;
mod reporting;
mod token;
mod transparency;

pub(crate) use admin::Admin;
pub(crate) use collection::Collection;
pub(crate) use manifest::Manifests;
pub(crate) use reporting::Reporting;
pub(crate) use token::{IssuedCounts, Tokens};
pub(crate) use transparency::Transparency;
