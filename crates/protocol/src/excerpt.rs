//! Somebody's words in a message of ours.

/// The most characters of them.
const MOST: usize = 80;

/// As much of a text from outside as a message repeats: its first 80 characters.
pub fn excerpt(text: &str) -> String {
    text.chars().take(MOST).collect()
}
