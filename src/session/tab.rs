//! A tab, as the session sees it: a place to send frames to.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::Scope;
use crate::supervision::outbox::Outbox;

/// Frames that a tab may have unread before it is behind.
pub const OUTBOX_FRAMES_MAX: usize = 64;

/// Names a tab among those of this process; counts up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TabId(pub u64);

/// Names a sign-in (a family of refresh tokens), so that its end can close its tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoginId(pub u64);

/// An open WebSocket.
#[derive(Debug)]
pub struct Tab {
    /// Which.
    pub id: TabId,
    /// The sign-in it came with; API tokens have none.
    pub login: Option<LoginId>,
    /// Who sits there.
    pub caller: crate::model::Caller,
    /// What it may see and do of what its user may.
    pub scope: Scope,
    /// Where its frames go.
    pub outbox: Outbox<ToTab>,
}

/// What a session sends to a tab's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToTab {
    /// A JSON text frame.
    Frame(Bytes),
    /// The tab is behind: what it missed comes when it has read everything before this.
    CaughtUp,
    /// Close the socket.
    Close(TabEnd),
}

/// Why the house closes a tab's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TabEnd {
    /// It can't keep up (1013: try again later).
    TooSlow,
    /// Its user opened too many others (1013).
    TooMany,
    /// Its sign-in ended (4401).
    SignedOut,
    /// The house is closing (1001), after a `bye`.
    ShuttingDown,
}

impl TabEnd {
    /// The WebSocket close code (RFC 6455, section 7.4, and its private range).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::ShuttingDown => 1001,
            Self::TooSlow | Self::TooMany => 1013,
            Self::SignedOut => 4401,
        }
    }
}
