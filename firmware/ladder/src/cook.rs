//! Rungs: a full cook at 600x against the real server, and every fault that a cook can meet.

use std::thread::sleep;
use std::time::Duration;

use hearth_device::safety::ProbeFault;
use hearth_device::units::MilliC;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::house::House;
use crate::kitchen::{self, Happens, Kitchen};
use crate::{Held, seen};

/// A cook with a server restart and half an hour without network in it.
pub(crate) fn run() -> Held {
    let mut house = House::open()?;
    let began_ms = kitchen::yesterday_ms();
    let mut browser = Browser::sign_in(&house)?;
    let device = browser.add("sous_vide")?;
    let kitchen = Kitchen::open(&house.mqtt, &device);
    browser.watch(device.id)?;
    browser.until("connected", |shown| shown["connected"] == true)?;
    seen("the cooker is connected");

    browser.set(&json!({"target_c": 58.5, "timer_s": 14_400, "at_end": "stop"}))?;
    browser.set(&json!({"heating": true}))?;
    browser.sees("phase", &json!("cooking"))?;
    seen("it heats, and cooks once the water is at 58.5 °C");

    kitchen.let_happen(Happens::NoNetwork(30))?;
    browser.until("disconnected", |shown| shown["connected"] == false)?;
    browser.until("connected again", |shown| shown["connected"] == true)?;
    browser.sees("phase", &json!("cooking"))?;
    let meter = kitchen.let_happen(Happens::LowWater(false))?;
    if meter.offline_s < 1_700 || meter.heated_s < 60 {
        return Err(format!("half an hour alone was {meter:?}").into());
    }
    let (offline_s, heated_s) = (meter.offline_s, meter.heated_s);
    seen(&format!("{offline_s} s without network: it cooked on, {heated_s} s of it with heat"));

    house.stop()?;
    sleep(Duration::from_millis(1_000));
    house.start()?;
    let mut browser = Browser::sign_in(&house)?;
    browser.watch(device.id)?;
    browser.until("connected after a restart", |shown| shown["connected"] == true)?;
    let meter = kitchen.let_happen(Happens::LowWater(false))?;
    seen(&format!("the server restarted; it was alone for {} s more", meter.offline_s));

    browser.sees("phase", &json!("done"))?;
    browser.sees("heating", &json!(false))?;
    let water = browser.number("water_c").ok_or("no temperature")?;
    if (water - 58.5).abs() > 1.0 {
        return Err(format!("done at {water} °C").into());
    }
    seen(&format!("done after four hours at 58.5 °C, water at {water} °C"));
    // What was kept while the network was gone carries the kitchen's own time: a day ago.
    let points = browser.history("water_c", began_ms)?;
    let old = |point: &&Value| point["t"].as_u64().is_some_and(|t| t < began_ms + 86_000_000);
    let kept = points.iter().filter(old).count();
    seen(&format!("the history has {kept} readings from when it was alone"));
    if kept < 25 { Err("readings were lost".into()) } else { Ok(()) }
}

/// Every fault, each in a cook of its own.
pub(crate) fn faults() -> Held {
    let house = House::open()?;
    let mut browser = Browser::sign_in(&house)?;
    let device = browser.add("sous_vide")?;
    let kitchen = Kitchen::open(&house.mqtt, &device);
    browser.watch(device.id)?;
    browser.until("connected", |shown| shown["connected"] == true)?;
    browser.set(&json!({"target_c": 60.0, "timer_s": 0}))?;

    let jump = Happens::Probe(Some(Ok(MilliC(2_000))));
    let power_up = Happens::Probe(Some(Ok(MilliC(85_000))));
    let heal = Happens::Probe(None);
    for (what, happens, fault, healed) in [
        ("sensor gone", Happens::Probe(Some(Err(ProbeFault::Absent))), "sensor", heal),
        ("sensor garbled", Happens::Probe(Some(Err(ProbeFault::Crc))), "sensor", heal),
        ("sensor just powered up", power_up, "sensor", heal),
        ("sensor below its range", Happens::Probe(Some(Ok(MilliC(-20_000)))), "sensor", heal),
        ("sensor frozen", Happens::Freeze, "sensor", heal),
        ("element broken", Happens::Power(0), "heater", Happens::Power(2_000)),
    ] {
        start(&mut browser, &kitchen)?;
        kitchen.let_happen(happens)?;
        browser.sees("phase", &json!("error"))?;
        browser.sees("fault", &json!(fault))?;
        rests(&kitchen, what)?;
        kitchen.let_happen(healed)?;
        rests(&kitchen, what)?;
        seen(&format!("{what}: off, error, and no heat until somebody asks again"));
    }

    start(&mut browser, &kitchen)?;
    kitchen.let_happen(jump)?;
    rests(&kitchen, "sensor jumps")?;
    kitchen.let_happen(heal)?;
    seen("sensor jumps: no heat on a reading nobody believes");
    browser.ask(&json!({"heating": false}))?;

    start(&mut browser, &kitchen)?;
    kitchen.let_happen(Happens::LowWater(true))?;
    browser.sees("low_water", &json!(true))?;
    rests(&kitchen, "low water")?;
    kitchen.let_happen(Happens::LowWater(false))?;
    browser.sees("low_water", &json!(false))?;
    browser.set(&json!({"heating": false}))?;
    seen("low water: off while it is low");

    start(&mut browser, &kitchen)?;
    kitchen.let_happen(Happens::Warms(MilliC(64_500)))?;
    rests(&kitchen, "above the target")?;
    seen("2 °C above the target: off, without a fault");
    browser.set(&json!({"heating": false}))?;
    over_temp(&mut browser, &kitchen)?;
    power_loss(&mut browser, &kitchen)
}

/// A cook in warm water, on its way to 60 °C.
fn start(browser: &mut Browser, kitchen: &Kitchen) -> Held {
    kitchen.let_happen(Happens::Water(MilliC(22_000)))?;
    kitchen.lives(30)?;
    browser.set(&json!({"heating": true}))?;
    browser.sees("heating", &json!(true))?;
    kitchen.let_happen(Happens::Water(MilliC(22_000)))?;
    Ok(())
}

/// Nothing heats for ten minutes.
fn rests(kitchen: &Kitchen, what: &str) -> Held {
    // The first bad readings are forgiven; then the meter must stand still.
    kitchen.lives(60)?;
    match kitchen.lives(600)?.heated_s {
        0 => Ok(()),
        heated_s => Err(format!("{what}: it heated for {heated_s} s").into()),
    }
}

fn over_temp(browser: &mut Browser, kitchen: &Kitchen) -> Held {
    start(browser, kitchen)?;
    kitchen.let_happen(Happens::Warms(MilliC(98_000)))?;
    browser.sees("fault", &json!("over_temp"))?;
    kitchen.let_happen(Happens::Water(MilliC(50_000)))?;
    browser.ask(&json!({"heating": false}))?;
    if browser.ask(&json!({"heating": true}))? == "applied" {
        return Err("over-temperature was cleared from afar".into());
    }
    kitchen.let_happen(Happens::Press(6))?;
    browser.sees("fault", &json!("none"))?;
    seen("98 °C: latched, until somebody held the button on the cooker");
    Ok(())
}

fn power_loss(browser: &mut Browser, kitchen: &Kitchen) -> Held {
    for (what, away_s, knows_time, resumes) in [
        ("5 minutes without power", 300, true, true),
        ("an hour without power", 3_600, true, false),
        ("no idea how long without power", 60, false, false),
    ] {
        browser.ask(&json!({"heating": false}))?;
        browser.set(&json!({"heating": true, "target_c": 60.0, "timer_s": 36_000}))?;
        browser.sees("phase", &json!("cooking"))?;
        kitchen.lives(200)?;
        kitchen.let_happen(Happens::NoPower(away_s, knows_time))?;
        if resumes {
            browser.until("disconnected", |shown| shown["connected"] == false)?;
            browser.until("connected", |shown| shown["connected"] == true)?;
            browser.sees("phase", &json!("cooking"))?;
        } else {
            browser.sees("heating", &json!(false))?;
        }
        seen(&format!("{what}: {}", if resumes { "cooks on" } else { "stays off" }));
    }
    Ok(())
}
