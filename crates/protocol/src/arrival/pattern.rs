//! The pattern language of `channels.toml` for user agents, small enough to be the same in every language.
//!
//! `spec/channels.md` §3 defines it. Text is matched byte by byte on the agent in ASCII lower case.

/// A pattern of one or more pieces that must all hold.
pub(super) struct Pattern(Vec<Piece>);

/// One piece: a text to find, and what may stand at its ends.
struct Piece {
    text: Vec<u8>,
    absent: bool,
    start: End,
    end: End,
}

/// What may touch an end of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Anything.
    Free,
    /// Anything but a letter.
    Word,
    /// Nothing: the end of the agent.
    Edge,
}

impl Pattern {
    /// Reads a pattern. Every text is one: there is nothing to refuse.
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.split(" & ").map(Piece::new).collect())
    }

    /// Whether `agent`, already in ASCII lower case, fits.
    pub(super) fn fits(&self, agent: &[u8]) -> bool {
        self.0.iter().all(|piece| piece.found(agent) != piece.absent)
    }
}

impl Piece {
    fn new(piece: &str) -> Self {
        let (absent, piece) = piece.strip_prefix('!').map_or((false, piece), |rest| (true, rest));
        let (start, piece) = match piece.as_bytes() {
            [b'^', ..] => (End::Edge, &piece[1..]),
            [b'*', ..] => (End::Free, &piece[1..]),
            [b'a'..=b'z', ..] => (End::Word, piece),
            _ => (End::Free, piece),
        };
        let (end, text) = match piece.as_bytes() {
            [.., b'$'] => (End::Edge, &piece[..piece.len() - 1]),
            [.., b'*'] => (End::Free, &piece[..piece.len() - 1]),
            [.., b'a'..=b'z'] => (End::Word, piece),
            _ => (End::Free, piece),
        };
        Self { text: text.as_bytes().to_vec(), absent, start, end }
    }

    fn found(&self, agent: &[u8]) -> bool {
        agent.windows(self.text.len().max(1)).enumerate().any(|(at, window)| {
            self.reads(window) && allows(self.start, &agent[..at], true) && {
                let rest = &agent[at + self.text.len()..];
                allows(self.end, rest, false)
            }
        })
    }

    fn reads(&self, window: &[u8]) -> bool {
        let same = |(&want, &byte): (&u8, &u8)| want == byte || (want == b'#' && byte.is_ascii_digit());
        self.text.iter().zip(window).all(same)
    }
}

/// Whether what lies before (or after) a match is what its end allows.
fn allows(end: End, beyond: &[u8], before: bool) -> bool {
    let neighbour = if before { beyond.last() } else { beyond.first() };
    match end {
        End::Free => true,
        End::Word => !neighbour.is_some_and(u8::is_ascii_lowercase),
        End::Edge => neighbour.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, agent: &str) -> bool {
        Pattern::new(pattern).fits(agent.as_bytes())
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert!(fits("line/#", "safari line/7.12.0") && fits("snapchat#", "safari/537.36snapchat11.83"));
        assert!(!fits("line/#", "online/7.12.0") && !fits("line/#", "line/x"));
        assert!(fits("zalo", "zalo android/1") && !fits("zalo", "zalora/1"));
    }

    #[test]
    fn marks_pin_or_free_the_ends() {
        assert!(fits("^whatsapp$", "whatsapp") && !fits("^whatsapp$", "whatsapp/2"));
        assert!(fits("^viber", "viber/1") && !fits("^viber", "a viber/1") && !fits("^viber", "viberation"));
        assert!(fits("*bot", "googlebot/2.1") && !fits("*bot", "orangebotswana") && fits("*crawl*", "mycrawler"));
    }

    #[test]
    fn all_pieces_must_hold_and_a_negated_one_must_not() {
        assert!(fits("*bot & !cubot", "googlebot") && !fits("*bot & !cubot", "cubot max"));
        assert!(fits("a & b", "a b") && !fits("a & b", "a"));
    }

    #[test]
    fn strange_patterns_and_agents_match_or_do_not_but_never_fail() {
        for pattern in ["", "*", "^", "$", "^$", "!", "#", " & ", "**"] {
            for agent in ["", "a", "é", "#"] {
                let _ = fits(pattern, agent);
            }
        }
    }
}
