use proptest::prelude::*;

use crate::codec::topic::{covers, levels, matches, shared, valid_filter, valid_name};

#[test]
fn a_filter_takes_what_the_standard_says() {
    let cases = [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/#", "sport", true),
        ("sport/#", "sports", false),
        ("#", "anything/at/all", true),
        ("#", "/", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("+/tennis/#", "sport/tennis", true),
        ("a", "a", true),
        ("a", "A", false),
        ("a", "a/", false),
        ("a/", "a", false),
        ("a//b", "a//b", true),
        ("a/+/b", "a//b", true),
        ("é/#", "é/x", true),
        ("#", "é/x", true),
        ("+/x", "日本/x", true),
    ];
    for (filter, topic, expected) in cases {
        assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
    }
}

#[test]
fn mqtt_4_7_2_1_a_leading_wildcard_does_not_take_topics_of_the_server() {
    let cases = [
        ("#", "$SYS/load", false),
        ("+/load", "$SYS/load", false),
        ("$SYS/#", "$SYS/load", true),
        ("$SYS/+", "$SYS/load", true),
        ("a/#", "a/$SYS", true),
        ("+/$SYS", "a/$SYS", true),
    ];
    for (filter, topic, expected) in cases {
        assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
    }
}

#[test]
fn a_name_has_no_wildcard_and_is_not_empty() {
    for name in ["a", "/", "//", "a b", "$SYS/x", "é", "\u{FEFF}"] {
        assert!(valid_name(name), "{name}");
    }
    for name in ["", "+", "a/#", "a+", "#a", "a\0", "a\n", "a\u{7F}", "a\u{85}"] {
        assert!(!valid_name(name), "{name:?}");
    }
    assert!(valid_name(&"x".repeat(65_535)));
    assert!(!valid_name(&"x".repeat(65_536)));
}

#[test]
fn v311_4_7_1_2_and_3_v5_4_7_1_1_and_2_wildcards_are_whole_levels_and_a_hash_is_the_last() {
    for filter in ["#", "+", "a/#", "+/a/+", "/", "+/", "/#", "$SYS/#", "$share", "a/$share/b"] {
        assert!(valid_filter(filter), "{filter}");
    }
    for filter in ["", "a#", "#/", "#/a", "a/#/b", "+a", "a+/b", "##", "++", "a\u{1}"] {
        assert!(!valid_filter(filter), "{filter:?}");
    }
}

#[test]
fn v5_4_8_2_1_and_2_a_shared_filter_is_three_whole_parts() {
    for filter in ["$share/g/t", "$share/g/#", "$share/g//", "$share/g/$share/x/y"] {
        assert!(valid_filter(filter), "{filter}");
    }
    for filter in ["$share/", "$share/g", "$share/g/", "$share//t", "$share/+/t", "$share/g#/t"] {
        assert!(!valid_filter(filter), "{filter}");
    }
    assert_eq!(shared("$share/g/a/b"), Some(("g", "a/b")));
    assert_eq!(shared("a/b"), None);
}

#[test]
fn mqtt_4_7_3_4_nothing_is_normalised_before_it_is_matched() {
    let alike = [("e\u{301}", "é"), ("ACCOUNTS", "Accounts"), ("/finance", "finance"), ("ﬁ", "fi")];
    for (filter, topic) in alike {
        assert!(!matches(filter, topic) && !matches(topic, filter), "{filter} {topic}");
        assert!(matches(filter, filter) && matches(topic, topic));
    }
}

#[test]
fn a_filter_covers_what_lies_within_it_and_nothing_else() {
    for (filter, narrower) in [("#", "+/a"), ("a/#", "a"), ("a/+", "a/+"), ("+/a", "$share/g/b/a")]
    {
        assert!(covers(filter, narrower), "{filter} {narrower}");
    }
    for (filter, narrower) in
        [("a/+", "a/#"), ("+", "#"), ("a", "+"), ("#", "$SYS/#"), ("a/b", "a")]
    {
        assert!(!covers(filter, narrower), "{filter} {narrower}");
    }
}

#[test]
fn levels_are_what_slashes_separate() {
    assert_eq!(levels("a"), 1);
    assert_eq!(levels("/a/"), 3);
}

/// The same question asked as the standard asks it: level by level, with vectors.
fn naive(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        ([], []) | (["#"], _) => true,
        ([first, filter @ ..], [name, topic @ ..]) => {
            (*first == "+" || first == name) && naive(filter, topic)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn matching_agrees_with_the_naive_model(
        filter in "(\\+|a|b|\\$|é|)(/(\\+|a|b|é|)){0,5}(/#)?",
        topic in "(a|b|\\$|é|)(/(a|b|é|)){0,6}",
    ) {
        let levels = |text: &'static str| text.split('/').collect::<Vec<_>>();
        let (filter, topic): (&'static str, &'static str) = (filter.leak(), topic.leak());
        let hidden = topic.starts_with('$') && filter.starts_with('+');
        prop_assert_eq!(
            matches(filter, topic),
            !hidden && naive(&levels(filter), &levels(topic))
        );
    }

    #[test]
    fn a_filter_that_covers_another_takes_all_that_the_other_takes(
        filter in "(\\+|a|b|\\$)(/(\\+|a|b)){0,3}(/#)?|#",
        narrower in "(\\+|a|b|\\$)(/(\\+|a|b)){0,3}(/#)?|#",
        topic in "(a|b|\\$)(/(a|b)){0,4}",
    ) {
        prop_assert!(covers(&filter, &filter));
        if covers(&filter, &narrower) && matches(&narrower, &topic) {
            prop_assert!(matches(&filter, &topic));
        }
        // Of topics alone, both are the same question.
        prop_assert_eq!(covers(&filter, &topic), matches(&filter, &topic));
    }

    #[test]
    fn any_text_can_be_asked_about(filter in "\\PC{0,20}", topic in "\\PC{0,20}") {
        prop_assert!(matches(&filter, &topic) || !matches(&filter, &topic));
        prop_assert!(!valid_name(&topic) || !valid_filter(&topic) || matches(&topic, &topic));
    }
}
