//! What a colour stands for. The dashboard has the same.

use tacita_protocol::channel::Channel;

/// What a row is, as far as its labels tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Tone {
    /// Shared in private.
    Private,
    /// On a deep page without evidence: an upper bound, in no sum of what is private.
    Inferred,
    Public,
    Other,
}

impl Tone {
    /// Of a row with a label on each of these axes.
    pub(super) fn of<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let tone = |(axis, label): (&str, &str)| match (axis, label) {
            ("kind" | "channel" | "grade", "inferred") => Self::Inferred,
            ("kind", "private") => Self::Private,
            ("kind", "public") => Self::Public,
            ("channel", name) => match name.parse::<Channel>() {
                Ok(channel) if channel.is_private() => Self::Private,
                Ok(channel) if channel.is_public() => Self::Public,
                _ => Self::Other,
            },
            _ => Self::Other,
        };
        let tones: Vec<Self> = labels.into_iter().map(tone).collect();
        let first = [Self::Inferred, Self::Private, Self::Public].into_iter().find(|tone| tones.contains(tone));
        first.unwrap_or(Self::Other)
    }

    pub(super) fn colour(self) -> &'static str {
        match self {
            Self::Private => "#6a4cc4",
            Self::Inferred => "#b49ae8",
            Self::Public => "#0f7f86",
            Self::Other => "#7a7583",
        }
    }

    /// The same for what is filled.
    pub(super) fn wash(self) -> &'static str {
        match self {
            Self::Private => "#cfc3ef",
            Self::Inferred => "#efeafb",
            Self::Public => "#b4dcdd",
            Self::Other => "#dcd9d4",
        }
    }

    /// In a legend.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Inferred => "inferred, an upper bound",
            Self::Public => "public",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inferred_is_not_drawn_as_private() {
        for labels in [&[("kind", "inferred")][..], &[("channel", "inferred"), ("grade", "inferred")]] {
            assert_eq!(Tone::of(labels.iter().copied()), Tone::Inferred);
        }
        assert_eq!(Tone::of([("channel", "whatsapp"), ("grade", "confirmed")]), Tone::Private);
        assert_eq!(Tone::of([("channel", "facebook")]), Tone::Public);
        assert_eq!(Tone::of([("content", "inferred"), ("cohort", "private")]), Tone::Other);
        let tones = [Tone::Private, Tone::Inferred, Tone::Public, Tone::Other];
        let colours: std::collections::BTreeSet<_> =
            tones.iter().flat_map(|tone| [tone.colour(), tone.wash()]).collect();
        assert_eq!(colours.len(), 8);
    }
}
