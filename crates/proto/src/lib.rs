//! Tacita's gRPC messages and services, generated from `proto/tacita/v1`.
//!
//! Nothing but a path is written by hand here: meanings, units and errors are documented in the `.proto` files.

/// Package `tacita.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    tonic::include_proto!("tacita.v1");
}

/// The encoded `FileDescriptorSet` of `proto/`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The path of `CollectionService.SubmitReports`: servers that are full refuse it by the head of its request.
pub const SUBMIT_REPORTS: &str = "/tacita.v1.CollectionService/SubmitReports";
