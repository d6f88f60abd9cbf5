//! The generator against its own floor: everything that is sent arrives, once, at the right place.

use std::collections::BTreeMap;
use std::io;
use std::process::Command;

/// Runs one measurement and reads the figures it printed.
fn figures(line: &str) -> io::Result<BTreeMap<String, f64>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-load"));
    command.args(line.split(' ')).args(["--server", "floor"]);
    let output = command.output()?;
    let fault = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {fault}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    Ok(text.lines().filter_map(pair).collect())
}

/// Whether everything arrived, once, at its own place, and nobody was cut off.
fn nothing_wrong(told: &BTreeMap<String, f64>) -> bool {
    let faults = ["missing", "misrouted", "twice", "silent_pairs", "cut"];
    told.contains_key("missing") && faults.iter().all(|name| told.get(*name).unwrap_or(&0.0) < &1.0)
}

#[test]
fn at_a_steady_rate_every_message_arrives_once_at_its_own_subscriber() -> io::Result<()> {
    let works = ["pairs --qos 0", "pairs --qos 1", "tabs --direction down", "tabs --direction up"];
    for work in works {
        let told = figures(&format!("{work} --pairs 20 --rate 500 --warm-up 0 --seconds 1"))?;
        assert!(nothing_wrong(&told), "{work}: {told:?}");
        // Counted from the schedule a message can only be later than from its writing.
        assert!(told.get("p999_us") >= told.get("wire_p50_us"), "{work}: {told:?}");
    }
    Ok(())
}

#[test]
fn at_the_highest_rate_nothing_is_lost_and_every_pair_moves() -> io::Result<()> {
    let works = ["saturate --qos 1 --window 5", "rush --direction down --idle 10"];
    for work in works {
        let told = figures(&format!("{work} --pairs 20 --warm-up 0 --seconds 1 --parts 2"))?;
        assert!(told.get("per_second") > Some(&100.0), "{work}: {told:?}");
        assert!(nothing_wrong(&told), "{work}: {told:?}");
    }
    Ok(())
}

#[test]
fn idle_connections_and_a_storm_of_tabs_are_all_opened() -> io::Result<()> {
    assert!(figures("idle --count 300")?.get("rss_bytes") < Some(&20_000.0));
    assert!(figures("storm --role tab --count 300")?.get("per_second") > Some(&100.0));
    Ok(())
}
