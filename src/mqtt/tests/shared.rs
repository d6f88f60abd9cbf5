//! Shared subscriptions: one of the group gets each message.
use super::bench::{connect, staying};
use super::*;

const SHARED: &str = "$share/group/a";

/// A bench with a publisher and two members of a group, the first at QoS 2, the second at QoS 0.
fn group(second: QoS) -> (Bench, Conn, [Conn; 2]) {
    let mut bench = Bench::new();
    let publisher = bench.join(&connect(Version::V5, "publisher"));
    let members = [("one", EXACTLY_ONCE), ("two", second)].map(|(name, qos)| {
        let member = bench.join(&staying(Version::V5, name));
        bench.subscribe(member, SHARED, qos);
        member
    });
    (bench, publisher, members)
}

#[test]
fn v5_4_8_2_3_each_member_gets_messages_at_its_own_granted_qos() {
    let (mut bench, publisher, [one, two]) = group(AT_MOST_ONCE);
    for _ in 0..4 {
        bench.send(publisher, "a", "x", EXACTLY_ONCE);
    }
    assert_eq!(bench.hears(one), ["a 'x' q2 #1", "a 'x' q2 #2"]);
    assert_eq!(bench.hears(two), ["a 'x'", "a 'x'"]);
}

#[test]
fn v5_4_8_2_5_what_a_member_was_sent_goes_to_no_other_when_its_session_ends() {
    let (mut bench, publisher, [one, two]) = group(EXACTLY_ONCE);
    bench.send(publisher, "a", "x", EXACTLY_ONCE);
    let heard = [bench.hears(one), bench.hears(two)];
    assert_eq!(heard.concat(), ["a 'x' q2 #1"]);
    let (chosen, spared) = if heard[1].is_empty() { (one, two) } else { (two, one) };
    bench.cut(chosen);
    bench.wait_s(200);
    assert!(bench.hears(spared).is_empty());
}

#[test]
fn v5_4_8_2_6_what_a_member_refused_goes_to_no_other() {
    let (mut bench, publisher, [one, two]) = group(AT_LEAST_ONCE);
    bench.send(publisher, "a", "x", AT_LEAST_ONCE);
    bench.send(publisher, "a", "y", AT_LEAST_ONCE);
    assert_eq!(bench.hears(one).len() + bench.hears(two).len(), 2);
    for member in [one, two] {
        bench.say(member, &[0x40, 3, 0, 1, 0x80]);
    }
    assert!(bench.hears(one).is_empty() && bench.hears(two).is_empty());
}

#[test]
fn a_shared_subscription_gets_nothing_that_is_retained() {
    let (mut bench, publisher, _) = group(AT_LEAST_ONCE);
    bench.retain(publisher, "a", "kept", AT_MOST_ONCE);
    let late = bench.join(&connect(Version::V5, "late"));
    assert!(bench.subscribe(late, SHARED, AT_LEAST_ONCE).is_empty());
}
