//! Reads one flat JSON object, member by member, strictly by RFC 8259.

/// The deepest nesting that is skipped over; deeper is malformed.
const DEPTH_MAX: usize = 8;

/// The payload is not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The value of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in thousandths, rounded to the nearest; saturates at the ends of `i64`.
    Number(i64),
    /// The text between the quotes as it stands, escapes not resolved.
    Text(&'a str),
    /// An object or an array; no property of a device has one.
    Nested,
}

/// The members of one JSON object, in their order; repeated keys come again.
///
/// Ends after the first error, and an object with anything but space behind it is an error, so
/// read to the end before acting: [`Members::check`] does so.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    rest: &'a str,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Inside,
    End,
}

impl<'a> Members<'a> {
    /// The members of the object that is `payload`.
    #[must_use]
    pub fn of(payload: &'a [u8]) -> Self {
        match core::str::from_utf8(payload) {
            Ok(rest) => Self { rest, place: Place::Start },
            Err(_) => Self { rest: "", place: Place::Start },
        }
    }

    /// The members of `payload`, once all of it is known to be well formed.
    ///
    /// # Errors
    /// [`Malformed`] when the payload is anything but one JSON object.
    pub fn check(payload: &'a [u8]) -> Result<Self, Malformed> {
        let members = Self::of(payload);
        for member in members.clone() {
            member?;
        }
        Ok(members)
    }

    fn member(&mut self) -> Result<Option<(&'a str, Value<'a>)>, Malformed> {
        match self.place {
            Place::End => return Ok(None),
            Place::Start => {
                self.skip_space();
                self.expect(b'{')?;
                self.skip_space();
                if self.take(b'}') {
                    return self.end();
                }
            }
            Place::Inside => {
                self.skip_space();
                if self.take(b'}') {
                    return self.end();
                }
                self.expect(b',')?;
                self.skip_space();
            }
        }
        self.place = Place::Inside;
        let key = self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        let value = self.value()?;
        Ok(Some((key, value)))
    }

    fn end(&mut self) -> Result<Option<(&'a str, Value<'a>)>, Malformed> {
        self.place = Place::End;
        self.skip_space();
        if self.rest.is_empty() { Ok(None) } else { Err(Malformed) }
    }

    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        match self.peek() {
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'{' | b'[') => self.nested(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    /// Skips an object or array, remembering the open brackets as bits.
    fn nested(&mut self) -> Result<Value<'a>, Malformed> {
        let mut open = [0_u8; DEPTH_MAX];
        let mut depth = 0;
        loop {
            // Here a value is due (or, in a just opened bracket, its end).
            self.skip_space();
            let mut complete = match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.advance(1);
                    *open.get_mut(depth).ok_or(Malformed)? = bracket;
                    depth += 1;
                    self.skip_space();
                    let empty = self.take(closing(bracket));
                    if empty {
                        depth -= 1;
                    } else if bracket == b'{' {
                        self.key()?;
                    }
                    empty
                }
                _ => self.value().map(|_| true)?,
            };
            while complete {
                let Some(at) = depth.checked_sub(1) else { return Ok(Value::Nested) };
                let bracket = open.get(at).copied().ok_or(Malformed)?;
                self.skip_space();
                if self.take(closing(bracket)) {
                    depth = at;
                } else {
                    self.expect(b',')?;
                    self.skip_space();
                    if bracket == b'{' {
                        self.key()?;
                    }
                    complete = false;
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Malformed> {
        self.string()?;
        self.skip_space();
        self.expect(b':')
    }

    fn string(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b'"')?;
        let mut escaped = 0_u8; // symbols still to come of an escape; 1 = which one is not known
        for (at, symbol) in self.rest.bytes().enumerate() {
            match (escaped, symbol) {
                (_, 0..=0x1f) => return Err(Malformed),
                (0, b'"') => {
                    let text = self.rest.get(..at).ok_or(Malformed)?;
                    self.advance(at + 1);
                    return Ok(text);
                }
                (0, b'\\') => escaped = 1,
                (0, _) => {}
                (1, b'u') => escaped = 5,
                (1, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => escaped = 0,
                (1, _) => return Err(Malformed),
                (_, hex) if hex.is_ascii_hexdigit() => {
                    escaped = if escaped == 2 { 0 } else { escaped - 1 };
                }
                _ => return Err(Malformed),
            }
        }
        Err(Malformed)
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Malformed> {
        self.rest = self.rest.strip_prefix(word).ok_or(Malformed)?;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value<'a>, Malformed> {
        let negative = self.take(b'-');
        let whole = self.digits();
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(Malformed);
        }
        let fraction = if self.take(b'.') { self.some_digits()? } else { "" };
        let mut exponent = 0_i64;
        if self.take(b'e') || self.take(b'E') {
            let down = self.take(b'-');
            if !down {
                self.take(b'+');
            }
            for digit in self.some_digits()?.bytes() {
                exponent = exponent.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            }
            exponent = if down { exponent.saturating_neg() } else { exponent };
        }
        let size = thousandths(whole, fraction, exponent);
        Ok(Value::Number(if negative { size.saturating_neg() } else { size }))
    }

    fn digits(&mut self) -> &'a str {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = self.rest.get(..count).unwrap_or("");
        self.advance(count);
        digits
    }

    fn some_digits(&mut self) -> Result<&'a str, Malformed> {
        let digits = self.digits();
        if digits.is_empty() { Err(Malformed) } else { Ok(digits) }
    }

    fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    fn take(&mut self, symbol: u8) -> bool {
        let found = self.peek() == Some(symbol);
        if found {
            self.advance(1);
        }
        found
    }

    fn expect(&mut self, symbol: u8) -> Result<(), Malformed> {
        if self.take(symbol) { Ok(()) } else { Err(Malformed) }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or("");
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(&'a str, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.member();
        if member.is_err() {
            self.place = Place::End;
            self.rest = "";
        }
        member.transpose()
    }
}

const fn closing(bracket: u8) -> u8 {
    if bracket == b'{' { b'}' } else { b']' }
}

/// The number `whole.fraction` times ten to the `exponent`, in thousandths.
fn thousandths(whole: &str, fraction: &str, exponent: i64) -> i64 {
    // Digits that count: all that stand left of three places behind the moved point.
    let count = i64::try_from(whole.len()).unwrap_or(0).saturating_add(exponent).saturating_add(3);
    let mut digits = whole.bytes().chain(fraction.bytes());
    let mut number = 0_i64;
    let mut taken = 0_i64;
    while taken < count {
        // Past the last digit only the exponent's zeros follow, up to saturation.
        let next = digits.next();
        if number == i64::MAX || (next.is_none() && number == 0) {
            break;
        }
        let digit = next.map_or(0, |digit| i64::from(digit - b'0'));
        number =
            number.checked_mul(10).and_then(|tens| tens.checked_add(digit)).unwrap_or(i64::MAX);
        taken += 1;
    }
    // A negative count leaves zeros in front: nothing to round.
    let round_up = count >= 0 && digits.next().is_some_and(|digit| digit >= b'5');
    number.saturating_add(i64::from(round_up))
}

#[cfg(test)]
mod tests;
