//! A simulated device's link: keeps it connected, and carries its messages.
//!
//! - Process: one task per device.
//! - Supervised by: the tasks of [`Simulator`](super::Simulator); a panic ends this device alone.
//! - Takes: `set` messages from the broker.
//! - Tells: the broker, on the device's own topics.
//! - Never: decides what the device does (`machine`), or keeps messages while there is no link: the
//!   whole state is told on the next one.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearth_device::contract::{Message, Topic, topic};
use rumqttc::{
    AsyncClient, Event, EventLoop, LastWill, MqttOptions, NetworkOptions, Outgoing, Packet, QoS,
    SubscribeReasonCode,
};
use tokio::time::{Instant, timeout};

use crate::supervision::Cancel;

use super::chance::Chance;
use super::{Broker, Credential, Machine, Tally};

/// Keep-alive: what the firmware asks for.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long a connection may take to open.
const CONNECT_S_MAX: u64 = 10;

/// The first wait before another attempt; doubled by each that fails.
const RETRY: Duration = Duration::from_secs(1);

/// The longest such wait.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Messages that may wait for the socket; one more and the link is given up.
const REQUESTS_MAX: usize = 32;

/// `QoS` 1 messages that may wait for their acknowledgement.
const INFLIGHT_MAX: u16 = 16;

/// How long a goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Where the last will goes: that the link was lost is an event.
const WILL: &[u8] = br#"{"event":"link_lost"}"#;

/// Why an attendance ended.
#[derive(Debug, thiserror::Error)]
enum End {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The connection could not be opened, or broke.
    #[error("{0}")]
    Broken(#[from] Box<rumqttc::ConnectionError>),
    /// The broker does not let the device hear `set`.
    #[error("the subscription was refused")]
    Unheard,
    /// The socket takes nothing any more.
    #[error("too many messages wait for the socket")]
    Stuck,
}

/// A device with its link.
pub(super) struct Link {
    broker: Arc<Broker>,
    credential: Credential,
    machine: Machine,
    tally: Arc<Tally>,
    chance: Chance,
    failures: u32,
    /// When the machine made its last step.
    stepped: Instant,
}

/// Counts a device as online as long as it exists.
struct Online(Arc<Tally>);

impl Online {
    fn new(tally: &Arc<Tally>) -> Self {
        tally.online.fetch_add(1, Ordering::Relaxed);
        Self(tally.clone())
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        self.0.online.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Link {
    pub(super) fn new(
        broker: Arc<Broker>,
        credential: Credential,
        machine: Machine,
        tally: Arc<Tally>,
    ) -> Self {
        let chance = Chance::new(credential.device.rotate_left(17));
        let stepped = Instant::now();
        Self { broker, credential, machine, tally, chance, failures: 0, stepped }
    }

    /// Connects after `wait`, and again and again until it is cancelled.
    pub(super) async fn run(mut self, mut wait: Duration, cancel: Cancel) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.alone(wait) => {}
            }
            let (client, mut events) = AsyncClient::new(self.options(), REQUESTS_MAX);
            events.set_network_options(network());
            match self.attend(&client, &mut events, &cancel).await {
                End::Stopped => return goodbye(&client, &mut events).await,
                end @ (End::Broken(_) | End::Unheard | End::Stuck) => self.lost(&end),
            }
            wait = pause(self.failures, &mut self.chance);
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn options(&self) -> MqttOptions {
        let device = self.credential.device;
        let will = topic(device, Topic::Event.word());
        let mut options =
            MqttOptions::new(device.to_string(), self.broker.host.clone(), self.broker.port);
        options
            .set_credentials(device.to_string(), self.credential.secret.clone())
            .set_keep_alive(KEEP_ALIVE)
            .set_inflight(INFLIGHT_MAX)
            .set_last_will(LastWill::new(will.as_str(), WILL, QoS::AtLeastOnce, false));
        options
    }

    /// The device goes on without a link: water cools, pulses are counted.
    async fn alone(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        loop {
            let next = self.stepped + self.machine.turn();
            tokio::time::sleep_until(until.min(next)).await;
            self.step(false, None);
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Opens a connection and serves it to its end.
    async fn attend(
        &mut self,
        client: &AsyncClient,
        events: &mut EventLoop,
        cancel: &Cancel,
    ) -> End {
        let mut online = None;
        loop {
            let event = {
                // Kept until it is ready: cut off, it might have written half a packet.
                let mut poll = pin!(events.poll());
                loop {
                    let next = self.stepped + self.machine.turn();
                    tokio::select! {
                        biased;
                        () = cancel.cancelled() => return End::Stopped,
                        event = &mut poll => break event,
                        () = tokio::time::sleep_until(next) => {
                            let messages = self.step(online.is_some(), None);
                            if let Err(end) = self.publish(client, messages) {
                                return end;
                            }
                        }
                    }
                }
            };
            let done = match event {
                Ok(Event::Incoming(packet)) => self.heard(client, packet, &mut online),
                Ok(Event::Outgoing(_)) => Ok(()),
                Err(error) => Err(End::Broken(Box::new(error))),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    fn heard(
        &mut self,
        client: &AsyncClient,
        packet: Packet,
        online: &mut Option<Online>,
    ) -> Result<(), End> {
        match packet {
            Packet::ConnAck(_) => {
                let set = topic(self.credential.device, "set");
                client.try_subscribe(set.as_str(), QoS::AtLeastOnce).map_err(|_| End::Stuck)
            }
            Packet::SubAck(answer) => {
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) {
                    return Err(End::Unheard);
                }
                self.failures = 0;
                *online = Some(Online::new(&self.tally));
                let messages = self.step(true, None);
                self.publish(client, messages)
            }
            Packet::Publish(set) => {
                self.tally.received.fetch_add(1, Ordering::Relaxed);
                let messages = self.step(online.is_some(), Some(&set.payload));
                self.publish(client, messages)
            }
            Packet::Connect(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::PingResp
            | Packet::Disconnect => Ok(()),
        }
    }

    fn step(&mut self, online: bool, set: Option<&[u8]>) -> Vec<Message> {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.stepped);
        self.stepped = now;
        self.machine.step(passed, online, set)
    }

    fn publish(&self, client: &AsyncClient, messages: Vec<Message>) -> Result<(), End> {
        for message in messages {
            let topic = topic(self.credential.device, message.topic.word());
            let qos =
                if message.topic.is_acknowledged() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            client
                .try_publish(topic.as_str(), qos, false, message.payload.as_bytes())
                .map_err(|_| End::Stuck)?;
            self.tally.published.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn lost(&self, end: &End) {
        self.tally.lost.fetch_add(1, Ordering::Relaxed);
        self.tally.failed(end.to_string());
        tracing::debug!(device = self.credential.device, %end, "simulated link lost");
    }
}

fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_S_MAX);
    network.set_tcp_nodelay(true);
    network
}

/// The wait after that many failures: doubling, half of it by chance, so that thousands of devices
/// that lost their broker together don't come back together.
fn pause(failures: u32, chance: &mut Chance) -> Duration {
    let full = RETRY.saturating_mul(1 << failures.min(16)).min(RETRY_MAX);
    let half_ms = u64::try_from(full.as_millis()).unwrap_or(u64::MAX) / 2;
    Duration::from_millis(half_ms + chance.below(half_ms))
}

/// Says goodbye, so that the broker does not publish the will.
async fn goodbye(client: &AsyncClient, events: &mut EventLoop) {
    if events.network.is_none() || client.try_disconnect().is_err() {
        return;
    }
    let said = async {
        while let Ok(event) = events.poll().await {
            if matches!(event, Event::Outgoing(Outgoing::Disconnect)) {
                return;
            }
        }
    };
    // Whoever does not listen misses it.
    timeout(GOODBYE_WITHIN, said).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_half_of_each_is_chance() {
        let mut chance = Chance::new(11);
        for failures in 0..40 {
            let full = RETRY.saturating_mul(1 << failures.min(16)).min(RETRY_MAX);
            let wait = pause(failures, &mut chance);
            assert!(wait >= full / 2 && wait < full, "{failures}: {wait:?}");
        }
    }
}
