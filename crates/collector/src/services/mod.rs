//! The gRPC services: each method admits its caller, reads the request, calls the room that does the work, writes the answer.

mod admin;
mod audit;
mod backup;
mod collection;
mod log_filter;
mod manifest;
mod reporting;
mod token;
mod transparency;
pub(crate) mod wishes;

pub(crate) use admin::Admin;
pub(crate) use audit::Audit;
pub(crate) use backup::Backups;
pub(crate) use collection::Collection;
pub(crate) use log_filter::AuditedFilter;
pub(crate) use manifest::Manifests;
pub(crate) use reporting::Reporting;
pub(crate) use token::Tokens;
pub(crate) use transparency::Transparency;
