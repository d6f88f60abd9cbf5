//! Topic names and filters (4.7): what is valid, and which filter takes which topic.

/// Separates levels.
pub const SEPARATOR: char = '/';

/// Opens a shared subscription (4.8.2).
pub const SHARED_PREFIX: &str = "$share/";

/// Bytes of the longest string MQTT can carry (1.5.4).
pub const STRING_BYTES_MAX: usize = 65_535;

/// Whether text holds U+0000 to U+001F or U+007F to U+009F, which the standard forbids (NUL) or
/// advises against (1.5.4), and which would reach logs and terminals.
#[must_use]
pub fn has_control(text: &str) -> bool {
    let mut control = false;
    let mut ascii = true;
    for byte in text.as_bytes() {
        control |= *byte < 0x20 || *byte == 0x7F;
        ascii &= *byte < 0x80;
    }
    control || (!ascii && text.chars().any(|char| ('\u{80}'..='\u{9F}').contains(&char)))
}

/// Whether text holds `+` or `#`.
#[must_use]
pub fn has_wildcard(text: &str) -> bool {
    text.as_bytes().iter().fold(false, |found, byte| found | matches!(byte, b'+' | b'#'))
}

/// Whether a message may be published to `topic`: not empty, no wildcard, no control character, at
/// most 65,535 bytes.
#[must_use]
pub fn valid_name(topic: &str) -> bool {
    !topic.is_empty()
        && topic.len() <= STRING_BYTES_MAX
        && !has_wildcard(topic)
        && !has_control(topic)
}

/// Whether `filter` may be subscribed to: not empty, `+` and `#` only as whole levels, `#` only as
/// the last one; and if it starts with `$share/`, then a group name without wildcards and a filter
/// that is valid itself. At most 65,535 bytes, no control character.
#[must_use]
pub fn valid_filter(filter: &str) -> bool {
    if filter.len() > STRING_BYTES_MAX || has_control(filter) {
        return false;
    }
    match filter.strip_prefix(SHARED_PREFIX) {
        None => valid_plain_filter(filter),
        Some(_) => shared(filter).is_some_and(|(group, plain)| {
            !group.is_empty() && !has_wildcard(group) && valid_plain_filter(plain)
        }),
    }
}

fn valid_plain_filter(filter: &str) -> bool {
    if filter.is_empty() {
        return false;
    }
    let mut levels = filter.split(SEPARATOR).peekable();
    while let Some(level) = levels.next() {
        let valid = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            _ => !has_wildcard(level),
        };
        if !valid {
            return false;
        }
    }
    true
}

/// The group and the filter of `$share/group/filter`; `None` for a subscription that is not shared.
#[must_use]
pub fn shared(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix(SHARED_PREFIX)?.split_once(SEPARATOR)
}

/// The filter of a subscription, without the group that may share it.
#[must_use]
pub fn plain(filter: &str) -> &str {
    shared(filter).map_or(filter, |(_, plain)| plain)
}

/// How many levels a topic or filter has.
#[must_use]
pub fn levels(topic: &str) -> usize {
    // Counted in bytes, 255 at a time, which the compiler turns into vector instructions.
    let slashes = |part: &[u8]| part.iter().map(|byte| u8::from(*byte == b'/')).sum::<u8>();
    topic.as_bytes().chunks(255).map(|part| usize::from(slashes(part))).sum::<usize>() + 1
}

/// Whether a valid plain `filter` (for a shared one, its filter part) takes a valid `topic`.
///
/// A wildcard at the first level never takes a topic that starts with `$` (4.7.2), and `a/#` takes
/// `a` as well (4.7.1.2).
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = topic.split(SEPARATOR);
    for level in filter.split(SEPARATOR) {
        match (level, names.next()) {
            ("#", _) => return true,
            ("+", Some(name)) if name != "#" => {} // no topic has such a level: see `covers`
            (_, Some(name)) if name == level => {}
            (_, _) => return false,
        }
    }
    names.next().is_none()
}

/// Whether the valid plain `filter` takes every topic that the valid filter `narrower` takes, which
/// may be shared: each of its levels is a name, or a wildcard that `filter` has there too.
#[must_use]
pub fn covers(filter: &str, narrower: &str) -> bool {
    matches(filter, plain(narrower))
}
