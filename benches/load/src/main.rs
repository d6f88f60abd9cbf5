//! Measures an MQTT broker, or Hearth, from outside: memory of idle connections, connects, latency
//! and CPU of messages between devices, clients and browser tabs.
//!
//! `docs/performance.md` tells how to run it and how to read what it prints.

mod arguments;
mod closed;
mod director;
mod fleet;
mod floor;
mod histogram;
mod link;
mod paced;
mod packet;
mod peers;
mod plan;
mod process;
mod scene;
mod server;
mod websocket;
mod worker;

use std::io;
use std::time::Duration;

use arguments::Arguments;
use scene::Scene;

const HELP: &str = "hearth-load COMMAND [--option value]...
  idle      --role client|housemate|device|tab --count N    bytes per idle connection
  storm     --role client|device|tab --count N          connects per second, CPU of each
  pairs     --role client|device --pairs N --rate R --qos Q    steady rate: latency, CPU
  tabs      --direction down|up --pairs N --rate R      the same, device to tab or tab to device
  saturate  --pairs N --qos Q --window W                highest rate of pairs
  rush      --direction down|up --pairs N --idle TABS   highest rate with tabs
  start                                                 time to the ready line, idle memory
  peers     --runs N --only WORD --town FILE --town-folder DIR   the table of bars
  floor     --mqtt ADDRESS --web ADDRESS                the reference forwarder itself
  --server mosquitto|floor|hearth starts one; --server other --pid P --mqtt A --web A takes one
";

/// Nanoseconds of a duration, at most 2^64 - 1 (584 years).
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A quotient for people to read; 0 where there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "figures are read to three places")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1).peekable();
    let is_worker = words.next_if(|word| word == "worker").is_some();
    let arguments = Arguments::parse(words)?;
    if is_worker {
        return worker::run(&Scene::from_arguments(&arguments)?);
    }
    match arguments.command.as_str() {
        "floor" => floor::run(arguments.value("mqtt")?, arguments.value("web")?),
        "peers" => peers::run(&arguments),
        "idle" | "storm" | "pairs" | "tabs" | "saturate" | "rush" | "start" => {
            for (name, value) in director::measure(&arguments)? {
                worker::tell(&format!("{name:<16}{value:>14.1}"))?;
            }
            Ok(())
        }
        _ => worker::tell(HELP.trim_end()),
    }
}
