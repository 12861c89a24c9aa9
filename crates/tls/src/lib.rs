//! TLS 1.3 for Tacita's servers and clients (`spec/administration.md` §7).
//!
//! | module | holds |
//! |---|---|
//! | `files` | what stands in PEM files, and when it changes |
//! | `server` | handshakes with the newest certificate |
//! | `client` | the way to a server, by `http://` or `https://` |
//! | `names` | what a client's certificate says whose it is |
//! | `trial` | an authority for tests |
//!
//! Nothing older than TLS 1.3 is spoken. It knows nothing of what is said on a connection.

mod client;
mod files;
mod names;
mod server;
#[cfg(feature = "trial-authority")]
pub mod trial;

pub use client::{ClientTls, Server};
pub use files::{Identity, TlsError};
pub use names::uri_names;
pub use server::{Acceptor, ClientCertificates, ServerTls, Stream};
