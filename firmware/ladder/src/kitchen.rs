//! A simulated cooker on a real connection: the chip's own core, faster than time.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use hearth_device::app::{App, Cooker, CookerConfig, Inputs, Outputs};
use hearth_device::bath::Bath;
use hearth_device::contract::topic;
use hearth_device::mqtt::{Event, Options, Session};
use hearth_device::record::Saved;
use hearth_device::safety::ProbeFault;
use hearth_device::units::{MilliC, PerMille};

use crate::Held;
use crate::browser::{NewDevice, PATIENCE};

/// How much faster than time.
const SPEED: u64 = 600;
/// One step of the device, in ms of its own time.
const STEP_MS: u64 = 500;
/// How much of its own time it lives through, at most, between two looks at the network: however
/// busy the machine was meanwhile.
const BETWEEN_LOOKS_MS: u64 = 30_000;
/// How fast [`Happens::Warms`] is, in thousandths of a degree a step: faster than any heater, and
/// not faster than the sensor is believed.
const WARMS_A_STEP: i32 = 1_000;

/// What happens to the kitchen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happens {
    /// The network is gone for so long, in minutes of the kitchen's time.
    NoNetwork(u64),
    /// The sensor says this, whatever the water is.
    Probe(Option<Result<MilliC, ProbeFault>>),
    /// The sensor stays at what it says now.
    Freeze,
    /// The element's power, in W.
    Power(u32),
    /// The water's temperature.
    Water(MilliC),
    /// The water warms up to this, within a minute.
    Warms(MilliC),
    /// The float switch.
    LowWater(bool),
    /// The button is held for so long, in seconds.
    Press(u64),
    /// The power is gone for so long, in seconds; whether the device finds out how long.
    NoPower(u64, bool),
}

/// What the kitchen's meter counted since it was asked last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    /// Seconds with the relay closed.
    pub(crate) heated_s: u64,
    /// Seconds without the server.
    pub(crate) offline_s: u64,
}

/// What is asked of the kitchen, and where the meter's count goes.
enum Order {
    Happens(Happens, Sender<Meter>),
    /// So many milliseconds of its own time are to pass, and then it answers.
    Lives(u64, Sender<Meter>),
}

/// The kitchen, in a thread of its own.
pub(crate) struct Kitchen {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Kitchen {
    /// Plugs the cooker in.
    pub(crate) fn open(server: &str, device: &NewDevice) -> Self {
        let (orders, inbox) = channel();
        let (server, id, secret) = (server.to_owned(), device.id, device.secret.clone());
        let thread = std::thread::spawn(move || run(&server, id, &secret, &inbox));
        Self { orders: Some(orders), thread: Some(thread) }
    }

    /// Lets something happen; what the meter counted up to then.
    pub(crate) fn let_happen(&self, happens: Happens) -> Held<Meter> {
        self.order(|answer| Order::Happens(happens, answer))
    }

    /// Waits until so many seconds of the kitchen's own time have passed; what the meter counted
    /// meanwhile.
    pub(crate) fn lives(&self, seconds: u64) -> Held<Meter> {
        self.order(|answer| Order::Lives(seconds * 1_000, answer))
    }

    fn order(&self, order: impl FnOnce(Sender<Meter>) -> Order) -> Held<Meter> {
        let (answer, meter) = channel();
        let orders = self.orders.as_ref().ok_or("the kitchen is closed")?;
        orders.send(order(answer)).map_err(|_| "the kitchen is closed")?;
        Ok(meter.recv_timeout(PATIENCE)?)
    }
}

impl Drop for Kitchen {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

struct Device {
    cooker: Cooker,
    bath: Bath,
    flash: Option<Saved>,
    meter: Meter,
    now_ms: u64,
    epoch_ms: Option<u64>,
    probe: Option<Result<MilliC, ProbeFault>>,
    warms_to: Option<MilliC>,
    low_water: bool,
    pressed_until_ms: u64,
    no_network_until_ms: u64,
}

fn config() -> CookerConfig {
    // Ten reports a second of real time are enough.
    CookerConfig { report_heating_ms: 60_000, report_idle_ms: 60_000, ..CookerConfig::default() }
}

impl Device {
    fn new() -> Self {
        let epoch_ms = yesterday_ms();
        Self {
            cooker: Cooker::new(config(), None),
            bath: Bath { power_w: 2_000, ..Bath::default() },
            flash: None,
            meter: Meter::default(),
            now_ms: 0,
            epoch_ms: Some(epoch_ms),
            probe: None,
            warms_to: None,
            low_water: false,
            pressed_until_ms: 0,
            no_network_until_ms: 0,
        }
    }

    fn step(&mut self, online: bool, set: Option<&[u8]>) -> Outputs {
        self.now_ms += STEP_MS;
        self.warm();
        let inputs = Inputs {
            online,
            unix_ms: self.epoch_ms.map(|epoch_ms| epoch_ms + self.now_ms),
            set,
            button: self.now_ms < self.pressed_until_ms,
            probe: Some(self.probe.unwrap_or(Ok(self.bath.water()))),
            low_water: self.low_water,
            ..Inputs::default()
        };
        let outputs = self.cooker.step(self.now_ms, &inputs);
        let share = if outputs.relay { PerMille::FULL } else { PerMille::ZERO };
        self.bath.step(STEP_MS as u32, share);
        self.flash = outputs.save.or(self.flash);
        self.meter.heated_s += u64::from(outputs.relay && self.now_ms.is_multiple_of(1_000));
        self.meter.offline_s += u64::from(!online && self.now_ms.is_multiple_of(1_000));
        outputs
    }

    fn warm(&mut self) {
        if let Some(to) = self.warms_to {
            let water = to.min(MilliC(self.bath.water().0 + WARMS_A_STEP));
            self.bath.pour(water);
            self.warms_to = Some(to).filter(|to| water < *to);
        }
    }

    fn happens(&mut self, happens: Happens) {
        match happens {
            Happens::NoNetwork(minutes) => {
                self.no_network_until_ms = self.now_ms + minutes * 60_000;
            }
            Happens::Probe(says) => self.probe = says,
            Happens::Freeze => self.probe = self.cooker.water().map(Ok),
            Happens::Power(power_w) => self.bath.power_w = power_w,
            Happens::Water(water) => self.bath.pour(water),
            Happens::Warms(to) => self.warms_to = Some(to),
            Happens::LowWater(low) => self.low_water = low,
            Happens::Press(seconds) => self.pressed_until_ms = self.now_ms + seconds * 1_000,
            Happens::NoPower(seconds, knows_time) => {
                for _ in 0..seconds {
                    self.bath.step(1_000, PerMille::ZERO);
                }
                // The clock starts at 0 again; the time of day is found out anew, or not.
                let away_ms = self.now_ms + seconds * 1_000;
                self.epoch_ms =
                    self.epoch_ms.filter(|_| knows_time).map(|epoch_ms| epoch_ms + away_ms);
                self.now_ms = 0;
                (self.no_network_until_ms, self.pressed_until_ms) = (0, 0);
                self.cooker = Cooker::new(config(), self.flash.as_ref());
            }
        }
    }
}

fn run(server: &str, id: u64, secret: &str, inbox: &Receiver<Order>) {
    let username = id.to_string();
    let filter = topic(id, "set");
    let options = Options {
        client: &username,
        username: &username,
        password: secret,
        filter: filter.as_str(),
        ..Options::default()
    };
    let mut session = Session::<1024, 8192>::new(options, id as u32);
    let mut device = Device::new();
    let mut link: Option<TcpStream> = None;
    let started = Instant::now();
    let mut lived_ms = 0;
    let mut asked: Option<(u64, Sender<Meter>)> = None;
    loop {
        match inbox.try_recv() {
            Ok(Order::Lives(ms, meter)) => {
                device.meter = Meter::default();
                asked = Some((lived_ms + ms, meter));
            }
            Ok(Order::Happens(happens, meter)) => {
                meter.send(std::mem::take(&mut device.meter)).unwrap_or_default();
                device.happens(happens);
                if matches!(happens, Happens::NoPower(..)) {
                    link = None;
                    session.link_closed(real_ms(started));
                }
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        let now_ms = real_ms(started);
        let connected = device.now_ms >= device.no_network_until_ms;
        if link.is_none() && connected && session.wants_link(now_ms) {
            link = dial(server, &mut session, now_ms);
        }
        let set = match exchange(&mut link, &mut session, now_ms, connected) {
            Ok(set) => set,
            Err(()) => {
                link = None;
                session.link_closed(now_ms);
                None
            }
        };
        let mut set = set.as_deref();
        let until_ms = (now_ms * SPEED).min(lived_ms + BETWEEN_LOOKS_MS);
        while lived_ms < until_ms {
            lived_ms += STEP_MS;
            let outputs = device.step(session.is_online(), set.take());
            for message in outputs.messages.iter() {
                let topic = topic(id, message.topic.word());
                let payload = message.payload.as_bytes();
                let acknowledged = message.topic.is_acknowledged();
                if session.publish(topic.as_str(), payload, acknowledged).is_err() {
                    link = None;
                    session.link_closed(now_ms);
                }
            }
            if let Some((_, meter)) = asked.take_if(|(until_ms, _)| lived_ms >= *until_ms) {
                meter.send(std::mem::take(&mut device.meter)).unwrap_or_default();
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn dial<const RX: usize, const TX: usize>(
    server: &str,
    session: &mut Session<'_, RX, TX>,
    now_ms: u64,
) -> Option<TcpStream> {
    let link = TcpStream::connect(server).ok().filter(|link| link.set_nonblocking(true).is_ok());
    if link.is_none() || session.link_opened(now_ms).is_err() {
        session.link_closed(now_ms);
        return None;
    }
    link
}

/// Moves bytes; a `set` that came. An error is the end of the link.
fn exchange<const RX: usize, const TX: usize>(
    link: &mut Option<TcpStream>,
    session: &mut Session<'_, RX, TX>,
    now_ms: u64,
    connected: bool,
) -> Result<Option<Vec<u8>>, ()> {
    let Some(link) = link else { return Ok(None) };
    if !connected {
        return Err(());
    }
    let mut bytes = [0; 512];
    match link.read(&mut bytes) {
        Ok(0) => return Err(()),
        Ok(count) => {
            session.receive(&bytes[..count]);
        }
        Err(fault) if fault.kind() == ErrorKind::WouldBlock => {}
        Err(_) => return Err(()),
    }
    let mut set = None;
    if let Some(Event::Message { payload, .. }) = session.poll(now_ms).map_err(drop)? {
        set = Some(payload.to_vec());
    }
    loop {
        let due = session.outgoing();
        if due.is_empty() {
            return Ok(set);
        }
        match link.write(due) {
            Ok(count) => session.sent(now_ms, count),
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(set),
            Err(_) => return Err(()),
        }
    }
}

/// This time yesterday, in Unix ms, when the kitchen's clock starts: time that runs faster must
/// not end up in the future.
pub(crate) fn yesterday_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as u64 - 86_400_000
}

fn real_ms(started: Instant) -> u64 {
    started.elapsed().as_millis() as u64
}
