//! Text in a fixed place: what takes the role of `String` where nothing is allocated.

/// Up to `N` bytes of UTF-8.
///
/// What does not fit is left out whole, never cut, and remembered: see [`Text::is_whole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
    whole: bool,
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Text<N> {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; N], len: 0, whole: true }
    }

    /// `text`, or its longest beginning of whole characters that fits.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut end = text.len().min(N);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut cut = Self::new();
        cut.push(text.get(..end).unwrap_or(""));
        cut
    }

    /// Appends `text` if all of it fits.
    pub fn push(&mut self, text: &str) {
        let end = self.len + text.len();
        match self.bytes.get_mut(self.len..end) {
            Some(room) if self.whole => {
                room.copy_from_slice(text.as_bytes());
                self.len = end;
            }
            _ => self.whole = false,
        }
    }

    /// Appends a number in decimal digits.
    pub fn push_number(&mut self, number: u64) {
        let mut digits = [0_u8; 20];
        let mut start = digits.len();
        let mut rest = number;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b"0123456789".get((rest % 10) as usize).copied().unwrap_or(b'0');
            rest /= 10;
            start = at;
            if rest == 0 {
                break;
            }
        }
        let used = digits.get(start..).and_then(|used| core::str::from_utf8(used).ok());
        self.push(used.unwrap_or(""));
    }

    /// What was appended so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The same as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// Whether everything appended so far fitted.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::ToString};

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_remembered() {
        let mut text = Text::<4>::new();
        text.push("abc");
        text.push("de");
        text.push("f");
        assert_eq!(text.as_str(), "abc");
        assert!(!text.is_whole());
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_everywhere(number: u64) {
            let mut text = Text::<20>::new();
            text.push_number(number);
            prop_assert_eq!(text.as_str(), number.to_string());
        }

        #[test]
        fn a_cut_text_is_a_beginning_of_the_text(text in ".{0,40}") {
            let cut = Text::<16>::cut(&text);
            prop_assert!(text.starts_with(cut.as_str()), "{}", format!("{cut:?}"));
            prop_assert!(cut.as_str().len() == text.len() || cut.as_str().len() > 12);
        }
    }
}
