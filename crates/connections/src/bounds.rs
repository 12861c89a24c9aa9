//! What the connections of a listener are held to.

use std::time::Duration;

use crate::Limit;

/// What the connections of a listener are held to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Open at once.
    pub most: Limit,
    /// Open at once from one address.
    pub per_peer: Limit,
    /// Open at once of one tenant, where callers say who they are.
    pub per_tenant: Option<Limit>,
    /// How long one may be open before its first admitted call; then it takes no more, and ends within as much again.
    /// None: nobody has to be admitted.
    pub stranger: Option<Duration>,
    /// How long one may be silent before its first call and between calls, and how long the head of one may take over HTTP/1.
    pub idle: Duration,
    /// After this a connection takes no more calls: it is made anew, by another server of the same name perhaps.
    pub age: Duration,
    /// How long calls that are under way may go on then. None: as long as they last.
    pub grace: Option<Duration>,
    /// Calls at once over HTTP/2. More wait.
    pub streams: u32,
    /// Bytes of the headers of a call that is served ([`heads`](crate::heads)). Past four times as many none is read to its end.
    pub head: usize,
    /// Whether the windows of HTTP/2 grow with the line, for long messages of callers that are known.
    pub adaptive_window: bool,
}
