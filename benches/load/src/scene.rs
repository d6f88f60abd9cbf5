//! One measurement as a worker process plays its part of it.

use std::io;

use crate::arguments::Arguments;
use crate::fleet::Doors;
use crate::plan::{self, Letter, Plan, Resident, Speech};

/// The work that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Connections that do nothing.
    Idle,
    /// As many connects as the server takes.
    Storm,
    /// Messages at a steady rate, whatever the server does.
    Paced,
    /// As many messages as the server takes.
    Closed,
}

/// Clients that share one user's topic space, where they do.
const HOUSEMATES: usize = 100;

/// What a worker has to do.
pub(crate) struct Scene {
    pub(crate) work: Work,
    pub(crate) doors: Doors,
    pub(crate) part: usize,
    pub(crate) at_once: usize,
    /// Messages per second of this part.
    pub(crate) rate: u64,
    pub(crate) warm_up_s: u64,
    pub(crate) seconds: u64,
    /// Messages of one pair that may be on their way in closed loop.
    pub(crate) window: u64,
    /// What stands before the number in a delivered message.
    pub(crate) key: &'static str,
    /// Subscribers, then as many publishers, then those that only listen.
    pub(crate) plans: Vec<Plan>,
    /// One for each pair.
    pub(crate) letters: Vec<Letter>,
}

/// Which share of `all` belongs to this part: offset and length.
fn share(all: usize, part: usize, parts: usize) -> (usize, usize) {
    let (start, end) = (all * part / parts, all * (part + 1) / parts);
    (start, end - start)
}

impl Scene {
    /// # Errors
    /// When an option makes no sense or the town is too small.
    pub(crate) fn from_arguments(arguments: &Arguments) -> io::Result<Self> {
        let (part, parts) = (arguments.value("part")?, arguments.value::<usize>("parts")?);
        let messages = matches!(arguments.command.as_str(), "pairs" | "tabs" | "saturate" | "rush");
        let wanted: usize = arguments.value(if messages { "pairs" } else { "count" })?;
        let extra: usize = if messages { arguments.value("idle")? } else { 0 };
        let town = match arguments.text("town") {
            "" => plan::made_up_town(wanted + extra),
            file => plan::read_town(file)?,
        };
        let offset = |(start, length)| town.iter().skip(start).take(length);
        let mine: Vec<&Resident> = offset(share(wanted, part, parts)).collect();
        let (start, length) = share(extra, part, parts);
        let watching: Vec<&Resident> = offset((wanted + start, length)).collect();
        if town.len() < wanted + extra {
            return Err(io::Error::other(format!("the town has only {} devices", town.len())));
        }
        let work = match arguments.command.as_str() {
            "idle" => Work::Idle,
            "storm" => Work::Storm,
            "pairs" | "tabs" => Work::Paced,
            _ => Work::Closed,
        };
        let mut scene = Self {
            work,
            doors: Doors { mqtt: arguments.value("mqtt")?, web: arguments.value("web")? },
            part,
            at_once: arguments.value::<usize>("at-once")?.max(1),
            rate: arguments.value::<u64>("rate")? / u64::try_from(parts.max(1)).unwrap_or(1),
            warm_up_s: arguments.value("warm-up")?,
            seconds: arguments.value("seconds")?,
            window: arguments.value::<u64>("window")?.max(1),
            key: "\"count\":",
            plans: Vec::new(),
            letters: Vec::new(),
        };
        if messages {
            scene.cast_pairs(arguments, &mine)?;
            let speech = tab_speech(arguments);
            scene.plans.extend(watching.iter().map(|resident| resident.tab(speech, true)));
        } else {
            scene.cast_alone(arguments, &mine)?;
        }
        Ok(scene)
    }

    /// Connections of one kind, with one subscription each unless they storm.
    fn cast_alone(&mut self, arguments: &Arguments, mine: &[&Resident]) -> io::Result<()> {
        let subscribes = self.work == Work::Idle;
        let plan = |(index, resident): (usize, &&Resident)| match arguments.text("role") {
            role @ ("client" | "housemate") => {
                let topic = subscribes.then(|| (resident.pair_topic(), 0));
                let own = resident.space_client("s", topic);
                let host = mine.get(index - index % HOUSEMATES).filter(|_| role == "housemate");
                Ok(host.map_or(own.clone(), |host| host.lets_in(own)))
            }
            "device" => Ok(resident.device_link(subscribes.then_some(0))),
            "tab" => Ok(resident.tab(tab_speech(arguments), subscribes)),
            other => Err(io::Error::other(format!("--role cannot be {other:?}"))),
        };
        self.plans = mine.iter().enumerate().map(plan).collect::<io::Result<_>>()?;
        Ok(())
    }

    fn cast_pairs(&mut self, arguments: &Arguments, mine: &[&Resident]) -> io::Result<()> {
        let (qos, bytes) = (arguments.value::<u8>("qos")?, arguments.value("bytes")?);
        let speech = tab_speech(arguments);
        let between_tabs = matches!(arguments.command.as_str(), "tabs" | "rush");
        let (mut publishers, mut subscribers) = (Vec::new(), Vec::new());
        for resident in mine {
            let direction = arguments.text("direction");
            let (publisher, subscriber, letter) = match (between_tabs, direction) {
                (true, "down") => (
                    resident.device_link(None),
                    resident.tab(speech, true),
                    resident.state_letter(qos, bytes),
                ),
                (true, "up") => (
                    resident.tab(speech, false),
                    resident.device_link(Some(qos)),
                    resident.command_letter(speech, qos, bytes),
                ),
                _ if arguments.text("role") == "device" => (
                    resident.device_link(None),
                    resident.space_client("s", Some((resident.state_topic(), qos))),
                    resident.state_letter(qos, bytes),
                ),
                _ => (
                    resident.space_client("p", None),
                    resident.space_client("s", Some((resident.pair_topic(), qos))),
                    resident.pair_letter(qos, bytes),
                ),
            };
            publishers.push(publisher);
            subscribers.push(subscriber);
            self.letters.push(letter);
        }
        if between_tabs && arguments.text("direction") == "up" {
            self.key = "\"preset\":";
        }
        self.plans = subscribers;
        self.plans.append(&mut publishers);
        Ok(())
    }

    /// How this connection speaks.
    pub(crate) fn speech(&self, index: usize) -> Speech {
        self.plans.get(index).map_or(Speech::Mqtt, |plan| plan.speech)
    }
}

/// Hearth and the floor speak JSON with tabs; a browser at an ordinary broker speaks MQTT.
fn tab_speech(arguments: &Arguments) -> Speech {
    match arguments.text("server") {
        "hearth" | "floor" => Speech::Json,
        _ => Speech::MqttOverWebSocket,
    }
}
