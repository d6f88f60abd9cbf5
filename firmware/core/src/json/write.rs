//! Writes one JSON object.

use crate::text::Text;

/// A JSON object being written; [`Object::close`] completes it.
pub struct Object<'a, const N: usize> {
    out: &'a mut Text<N>,
    empty: bool,
}

impl<'a, const N: usize> Object<'a, N> {
    /// Begins an object at the end of `out`.
    #[must_use]
    pub fn open(out: &'a mut Text<N>) -> Self {
        out.push("{");
        Self { out, empty: true }
    }

    /// Writes a member that is true or false.
    pub fn bool(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push(if value { "true" } else { "false" });
    }

    /// Writes a member that is a whole number.
    pub fn integer(&mut self, key: &str, value: u64) {
        self.key(key);
        self.out.push_number(value);
    }

    /// Writes `thousandths` as a decimal number of at most `decimals` (0..=3) places, rounded to
    /// the nearest and without trailing zeros: 54460 becomes `54.46`, 54500 `54.5`, 54000 `54`.
    pub fn milli(&mut self, key: &str, thousandths: i64, decimals: u8) {
        self.key(key);
        let unit: u64 = match decimals {
            0 => 1000,
            1 => 100,
            2 => 10,
            _ => 1,
        };
        let rounded = (thousandths.unsigned_abs() + unit / 2) / unit * unit;
        if thousandths < 0 && rounded != 0 {
            self.out.push("-");
        }
        self.out.push_number(rounded / 1000);
        let mut fraction = rounded % 1000;
        if fraction != 0 {
            self.out.push(".");
            let mut place = 100;
            while fraction != 0 {
                self.out.push_number(fraction / place);
                fraction %= place;
                place /= 10;
            }
        }
    }

    /// Writes a member that is text, escaped as JSON asks.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    /// Ends the object.
    pub fn close(self) {
        self.out.push("}");
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.out.push(",");
        }
        self.empty = false;
        self.quoted(key);
        self.out.push(":");
    }

    fn quoted(&mut self, value: &str) {
        self.out.push("\"");
        let mut letter = [0_u8; 4];
        for symbol in value.chars() {
            match symbol {
                '"' => self.out.push("\\\""),
                '\\' => self.out.push("\\\\"),
                control if control < ' ' => self.escaped(control),
                plain => self.out.push(plain.encode_utf8(&mut letter)),
            }
        }
        self.out.push("\"");
    }

    fn escaped(&mut self, control: char) {
        let code = u32::from(control);
        self.out.push(if code < 16 { "\\u000" } else { "\\u001" });
        let mut letter = [0_u8; 4];
        let digit = char::from_digit(code % 16, 16).unwrap_or('0');
        self.out.push(digit.encode_utf8(&mut letter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(write: impl FnOnce(&mut Object<'_, 512>)) -> std::string::String {
        let mut text = Text::<512>::new();
        let mut object = Object::open(&mut text);
        write(&mut object);
        object.close();
        assert!(text.is_whole());
        text.as_str().into()
    }

    #[test]
    fn a_number_has_the_decimals_it_needs_and_no_more() {
        assert_eq!(member(|o| o.milli("t", 54_460, 2)), r#"{"t":54.46}"#);
        assert_eq!(member(|o| o.milli("t", 54_500, 2)), r#"{"t":54.5}"#);
        assert_eq!(member(|o| o.milli("t", 54_000, 2)), r#"{"t":54}"#);
        assert_eq!(member(|o| o.milli("t", 54_463, 1)), r#"{"t":54.5}"#);
        assert_eq!(member(|o| o.milli("t", -62, 2)), r#"{"t":-0.06}"#);
        assert_eq!(member(|o| o.milli("t", -4, 2)), r#"{"t":0}"#);
        assert_eq!(member(|o| o.milli("t", 1_005, 3)), r#"{"t":1.005}"#);
    }

    #[test]
    fn members_are_separated_by_commas() {
        let both = member(|o| {
            o.bool("on", true);
            o.integer("count", 9_007_199_254_740_991);
        });
        assert_eq!(both, r#"{"on":true,"count":9007199254740991}"#);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_a_full_parser(value in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
            let object = member(|o| o.text("name", &value));
            let parsed: serde_json::Value = serde_json::from_str(&object).unwrap();
            prop_assert_eq!(parsed["name"].as_str().unwrap(), value);
        }
    }
}
