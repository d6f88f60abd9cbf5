//! Rung: a click in a browser reaches the relay of an emulated LX106, over the serial gateway
//! and the real server, and its state comes back.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::browser::{Browser, NewDevice};
use crate::house::House;
use crate::machine::{GPIO_OUT, Machine, RELAY};
use crate::{Held, needed, seen, within};

pub(crate) fn run() -> Held {
    let house = House::open()?;
    let mut browser = Browser::sign_in(&house)?;

    let cooker = browser.add("sous_vide")?;
    {
        let gateway = Gateway::open(&house, &cooker)?;
        let mut machine = Machine::start("qemu", "cooker", &gateway.serial())?;
        browser.watch(cooker.id)?;
        browser.until("the board online", |shown| shown["connected"] == true)?;
        browser.sees("phase", &json!("idle"))?;
        relay_is(&mut machine, false)?;
        seen("the emulated cooker is online, its relay open");
        browser.set(&json!({"target_c": 40.0, "heating": true}))?;
        relay_is(&mut machine, true)?;
        seen("a click closed the relay");
        browser.until("warmer water", |shown| {
            shown["reported"]["water_c"].as_f64().is_some_and(|water| water > 20.1)
        })?;
        let water = browser.number("water_c").unwrap_or_default();
        seen(&format!("and the water's reading came back: {water} °C"));
        browser.set(&json!({"heating": false}))?;
        relay_is(&mut machine, false)?;
        seen("another click opened it");
    }
    browser.until("the board gone", |shown| shown["connected"] == false)?;

    let light = browser.add("light")?;
    let gateway = Gateway::open(&house, &light)?;
    let mut machine = Machine::start("qemu", "light", &gateway.serial())?;
    browser.watch(light.id)?;
    browser.until("the light online", |shown| shown["connected"] == true)?;
    browser.set(&json!({"brightness": 40, "hue": 200.0}))?;
    browser.sees("on", &json!(true))?;
    relay_is(&mut machine, true)?;
    browser.set(&json!({"on": false}))?;
    relay_is(&mut machine, false)?;
    seen("the emulated light follows a slider and a switch");
    Ok(())
}

fn relay_is(machine: &mut Machine, closed: bool) -> Held {
    within(Duration::from_secs(20), "the relay to follow", || {
        Ok((machine.word(GPIO_OUT)? & RELAY == if closed { RELAY } else { 0 }).then_some(()))
    })
}

/// `hearth gateway`, waiting for the emulator's call.
struct Gateway {
    process: Child,
    address: String,
}

impl Gateway {
    fn open(house: &House, device: &NewDevice) -> Held<Self> {
        let mut process = Command::new(needed("HEARTH")?)
            .args(["gateway", "--line", "listen:127.0.0.1:0", "--server", &house.mqtt])
            .args(["--provision", &format!("{}:{}", device.id, device.secret)])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = process.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().strip_prefix("ready line=listen:").map(str::to_owned);
        let address = address.ok_or_else(|| format!("the gateway said {line:?}"))?;
        Ok(Self { process, address })
    }

    fn serial(&self) -> String {
        format!("tcp:{}", self.address)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.process.kill().unwrap_or_default();
        self.process.wait().map(drop).unwrap_or_default();
    }
}
