//! What a board is to a device, and the loop that runs one on the other.

use crate::net::Net;
use crate::setup::Setup;
use hearth_device::app::{App, Inputs, Outputs};
use hearth_device::record::{Provision, Saved};
use hearth_device::safety::ProbeFault;
use hearth_device::units::MilliC;

/// How often the device's behaviour is asked, in ms; a message is answered at once.
const STEP_MS: u64 = 10;

/// A serial line that never blocks.
pub trait Line {
    /// The next byte that came.
    fn read(&mut self) -> Option<u8>;
    /// Sends a byte; false when there is no room for it now.
    fn write(&mut self, byte: u8) -> bool;
}

/// What the board's sensors say now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Senses {
    /// A reading that was just completed.
    pub probe: Option<Result<MilliC, ProbeFault>>,
    /// The button is pressed.
    pub button: bool,
    /// The float switch has dropped.
    pub low_water: bool,
    /// What the relay's pin really is.
    pub relay_is_on: Option<bool>,
}

/// The hardware of one device.
pub trait Board {
    /// Its serial line.
    type Line: Line;
    /// Milliseconds since power came; to be called at least every 20 s.
    fn now_ms(&mut self) -> u64;
    /// The line to the gateway.
    fn line(&mut self) -> &mut Self::Line;
    /// Looks at the sensors; must not take longer than a millisecond.
    fn sense(&mut self, now_ms: u64) -> Senses;
    /// Does what was decided.
    fn act(&mut self, outputs: &Outputs);
    /// Keeps the watchdog quiet for another while.
    fn feed(&mut self);
    /// Who the device is, if it was set up.
    fn provision(&mut self) -> Option<Provision>;
    /// Remembers who the device is.
    fn store_provision(&mut self, provision: &Provision);
    /// Remembers what the device is doing.
    fn store_saved(&mut self, saved: &Saved);
}

/// Runs a device on a board for ever.
pub fn run<A: App, B: Board>(mut app: A, mut board: B) -> ! {
    let known = board.provision();
    let mut setup = Setup::new(known);
    let mut net: Option<Net> = None;
    let mut stepped_ms = None;
    loop {
        let now_ms = board.now_ms();
        match &mut net {
            Some(net) => net.poll(now_ms, board.line()),
            None => {
                if let Some((provision, is_new)) = setup.listen(now_ms, board.line()) {
                    if is_new {
                        board.store_provision(&provision);
                    }
                    net = Net::new(provision, now_ms);
                }
            }
        }
        let senses = board.sense(now_ms);
        let asked = net.as_ref().is_some_and(Net::has_set) || senses.probe.is_some();
        let due = stepped_ms.is_none_or(|stepped_ms| now_ms - stepped_ms >= STEP_MS);
        if !asked && !due {
            continue;
        }
        stepped_ms = Some(now_ms);
        let inputs = Inputs {
            online: net.as_ref().is_some_and(Net::is_online),
            unix_ms: net.as_ref().and_then(|net| net.unix_ms(now_ms)),
            set: net.as_ref().and_then(Net::set),
            button: senses.button,
            probe: senses.probe,
            low_water: senses.low_water,
            relay_is_on: senses.relay_is_on,
        };
        let outputs = app.step(now_ms, &inputs);
        // The relay first: nothing that comes after may delay it.
        board.act(&outputs);
        if outputs.feed_watchdog {
            board.feed();
        }
        if let Some(net) = &mut net {
            net.set_done();
            for message in outputs.messages.iter() {
                net.publish(now_ms, message);
            }
        }
        if let Some(saved) = &outputs.save {
            board.store_saved(saved);
        }
    }
}
