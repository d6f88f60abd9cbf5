//! The table of bars: every measurement on every server in turn (A B C A B C …), medians, and
//! whether Hearth is within what it must cost.

use std::collections::BTreeMap;
use std::io;

use crate::arguments::Arguments;
use crate::director::{self, Figures};
use crate::worker::tell;

mod bars;

use bars::{BARS, Bar, Limit, MEASUREMENTS, Measurement};

/// Medians by measurement, server and figure.
type Medians = BTreeMap<(&'static str, &'static str), Figures>;

/// Measures what `--only` selects (nothing given: everything) and prints both tables as Markdown;
/// what each run brought goes to standard error as it comes.
///
/// # Errors
/// When standard output is closed. A measurement that fails is told and left out.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let (only, runs) = (arguments.text("only"), arguments.value("runs")?);
    let chosen = |name: &str| only.is_empty() || only.split(',').any(|word| name.contains(word));
    let has_hearth = !arguments.text("binary").is_empty();
    let mut medians = Medians::new();
    tell("| measurement | server | figures (medians) |\n|---|---|---|")?;
    for measurement in MEASUREMENTS.iter().filter(|one| chosen(one.name)) {
        let servers = measurement.servers.iter().filter(|name| has_hearth || **name != "hearth");
        let servers: Vec<&'static str> = servers.copied().collect();
        for (server, figures) in measure(arguments, measurement, &servers, runs) {
            let words: Vec<String> =
                figures.iter().map(|(name, value)| format!("{name} {value:.1}")).collect();
            tell(&format!("| {} | {server} | {} |", measurement.name, words.join(", ")))?;
            medians.insert((measurement.name, server), figures);
        }
    }
    tell("\n| bar | Hearth | reference | ratio | wanted | |\n|---|---|---|---|---|---|")?;
    for bar in BARS {
        if let Some(line) = judged(bar, &medians) {
            tell(&line)?;
        }
    }
    Ok(())
}

/// All runs of one measurement, the servers taking turns.
fn measure(
    arguments: &Arguments,
    measurement: &Measurement,
    servers: &[&'static str],
    runs: usize,
) -> Vec<(&'static str, Figures)> {
    let mut all: Vec<(&'static str, Vec<Figures>)> =
        servers.iter().map(|server| (*server, Vec::new())).collect();
    for _ in 0..runs {
        for (server, runs) in &mut all {
            match director::measure(&its_arguments(arguments, measurement, server)) {
                Ok(figures) => {
                    eprintln!("{} {server} {figures:.1?}", measurement.name);
                    runs.push(figures);
                }
                Err(error) => eprintln!("{} {server} failed: {error}", measurement.name),
            }
        }
    }
    all.into_iter().map(|(server, runs)| (server, median(&runs))).collect()
}

fn its_arguments(arguments: &Arguments, measurement: &Measurement, server: &str) -> Arguments {
    let mut changes = measurement.options.to_vec();
    changes.push(("server", server));
    if server != "hearth" {
        changes.extend([("binary", ""), ("town", "")]);
    }
    arguments.with(measurement.command, &changes)
}

/// The median of each figure over the runs.
fn median(runs: &[Figures]) -> Figures {
    let names = runs.first().map(|first| first.iter().map(|(name, _)| *name));
    let middle = |name: &'static str| {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| figure(run, name)).collect();
        values.sort_by(f64::total_cmp);
        (name, values.get(values.len() / 2).copied().unwrap_or(0.0))
    };
    names.map(|names| names.map(middle).collect()).unwrap_or_default()
}

fn figure(figures: &Figures, name: &str) -> Option<f64> {
    figures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The line of one bar, if both sides of it were measured.
fn judged(bar: &Bar, medians: &Medians) -> Option<String> {
    let find = |measurement, server, name| figure(medians.get(&(measurement, server))?, name);
    let ours = find(bar.measurement, "hearth", bar.figure)?;
    let (reference, told) = match bar.against {
        Some((measurement, server)) => {
            let value = find(measurement, server, bar.figure)?;
            (value, format!("{value:.1} ({server})"))
        }
        None => (1.0, "-".to_owned()),
    };
    let ratio = ours / reference;
    let (passed, wanted) = match bar.limit {
        Limit::AtMost(limit) => (ratio <= limit, format!("<= {limit}")),
        Limit::AtLeast(limit) => (ratio >= limit, format!(">= {limit}")),
    };
    let verdict = if passed { "pass" } else { "FAIL" };
    let (title, name) = (bar.title, bar.figure);
    Some(format!("| {title} ({name}) | {ours:.1} | {told} | {ratio:.2} | {wanted} | {verdict} |"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_speaks_of_measurements_that_are_made_on_the_servers_it_names() {
        let made = |name: &str, server: &str| {
            MEASUREMENTS.iter().any(|one| one.name == name && one.servers.contains(&server))
        };
        for bar in BARS {
            assert!(made(bar.measurement, "hearth"), "{}", bar.title);
            assert!(bar.against.is_none_or(|(name, server)| made(name, server)), "{}", bar.title);
        }
    }

    #[test]
    fn a_bar_is_judged_by_the_ratio_of_medians() {
        let runs = [vec![("x", 9.0)], vec![("x", 1.0)], vec![("x", 3.0)]];
        let medians = Medians::from([
            (("one", "hearth"), median(&runs)),
            (("one", "mosquitto"), vec![("x", 2.0)]),
        ]);
        let mut bar = Bar {
            title: "t",
            measurement: "one",
            figure: "x",
            against: Some(("one", "mosquitto")),
            limit: Limit::AtMost(1.5),
        };
        assert!(judged(&bar, &medians).is_some_and(|line| line.contains("1.50 | <= 1.5 | pass")));
        bar.limit = Limit::AtLeast(1.6);
        assert!(judged(&bar, &medians).is_some_and(|line| line.ends_with("FAIL |")));
        bar.measurement = "two";
        assert!(judged(&bar, &medians).is_none());
    }
}
