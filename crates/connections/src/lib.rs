//! Who may be connected to a server: how many, how long without a word; and how it says no, to whoever has no place and later.
//!
//! | module | holds |
//! |---|---|
//! | `bounds` | what the connections of a listener are held to |
//! | `places` | the places: in all, of one address, of one tenant |
//! | `standing` | what is known of a connection: whether it was admitted, when it last had a call |
//! | `beginnings` | where calls begin |
//! | `conversation` | one connection, from its first byte to its end |
//! | [`heads`] | the headers of its calls |
//! | [`messages`] | the length of their messages |
//! | [`refusal`] | statuses with their reasons, limits with their names |
//! | `server` | accepting, the drain |
//! | `metrics` | connections, counted |
//!
//! It knows nothing of what is asked and answered on a connection.

mod beginnings;
mod bounds;
mod conversation;
pub mod heads;
pub mod messages;
mod metrics;
mod places;
pub mod refusal;
mod server;
mod standing;

pub use bounds::Bounds;
pub use metrics::{Connections, OpenConnection};
pub use places::{Peer, Tenant};
pub use refusal::Limit;
pub use server::{Farewell, Server};
pub use standing::Stay;
