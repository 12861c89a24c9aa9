//! Sharers' profiles: whether a device has shared in private, in public, or both (`spec/measures.md`).

use serde::{Deserialize, Serialize};

use crate::channel::Channel;

/// Where the shares of some time went, as far as their channels tell: two bits, and nothing of when, what or how often.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// At least one to a private channel.
    pub to_private: bool,
    /// At least one to a public one.
    pub to_public: bool,
}

impl Profile {
    /// The four labels, in the order of their cells. `neither` is a device that shared nothing, or only where nobody can
    /// tell ([`Channel::names_destination`]).
    pub const LABELS: [&str; 4] = ["neither", "private-only", "public-only", "both"];

    /// The profile with one more share.
    #[must_use]
    pub fn with_share_to(self, channel: Channel) -> Self {
        let is_told = channel.names_destination();
        Self {
            to_private: self.to_private || is_told && channel.is_private(),
            to_public: self.to_public || is_told && channel.is_public(),
        }
    }

    /// Its label.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::LABELS[usize::from(self.to_private) + 2 * usize::from(self.to_public)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(channels: &[&str]) -> &'static str {
        let share = |profile: Profile, name: &&str| profile.with_share_to(name.parse().unwrap());
        channels.iter().fold(Profile::default(), share).label()
    }

    #[test]
    fn a_profile_says_where_shares_went_and_not_how_many() {
        assert_eq!(after(&[]), "neither");
        assert_eq!(after(&["whatsapp", "signal", "whatsapp"]), "private-only");
        assert_eq!(after(&["facebook"]), "public-only");
        assert_eq!(after(&["facebook", "email", "x"]), "both");
    }

    #[test]
    fn the_share_sheet_and_a_copied_link_tell_nothing_of_where_they_went() {
        assert_eq!(after(&["native", "copy"]), "neither");
        assert_eq!(after(&["native", "facebook", "copy"]), "public-only");
        let silent: Vec<_> = Channel::all().filter(|one| one.is_share_target() && !one.names_destination()).collect();
        assert_eq!(silent, [Channel::NATIVE, Channel::COPY]);
    }
}
