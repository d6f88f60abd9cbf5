//! The data set of the history benches: temperatures of 0.01 degrees every ten seconds.

/// 2026-11-23, 00:00 UTC.
pub const MIDNIGHT_MS: i64 = 1_795_392_000_000;
/// The readings' interval.
pub const STEP_MS: i64 = 10_000;
/// Readings of a day.
pub const DAY_READINGS: i64 = 8_640;

/// A thermometer: a room's slow swing, and noise of a few hundredths.
pub struct Thermometer {
    device: u64,
    seed: u64,
    drift: f64,
}

impl Thermometer {
    pub fn new(device: u64) -> Self {
        Self { device, seed: device.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, drift: 0.0 }
    }

    fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    /// Between -1 and 1, towards the middle.
    fn noise(&mut self) -> f64 {
        let mut half = || (self.random() % 10_000) as f64 / 10_000.0;
        half() - half()
    }

    /// The reading of one step: when it reached the server, and what it says.
    pub fn read(&mut self, step: i64) -> (i64, f64) {
        self.drift += self.noise() * 0.01;
        let swing = (step as f64 / DAY_READINGS as f64 * 6.28).sin() * 3.0;
        let value = 21.0 + (self.device % 50) as f64 + swing + self.drift + self.noise() * 0.02;
        let jitter_ms = (self.random() % 20) as i64;
        let phase_ms = (self.device * 7_919 % 10_000) as i64;
        let t_ms = MIDNIGHT_MS + step * STEP_MS + phase_ms + jitter_ms;
        (t_ms, (value * 100.0).round() / 100.0)
    }
}

/// Processor seconds that this process has used.
pub fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Rounds of 100,000 readings, 10,000 a second. In the first nothing is kept: what it costs, the
/// clock's and the thermometers' share, is taken off the others.
#[derive(Default)]
pub struct Rounds {
    spare_s: Option<f64>,
}

impl Rounds {
    pub fn is_first(&self) -> bool {
        self.spare_s.is_none()
    }

    /// A round took so much CPU.
    pub fn took(&mut self, cpu_s: f64) {
        let Some(spare_s) = self.spare_s else {
            self.spare_s = Some(cpu_s);
            return;
        };
        let cpu_us = (cpu_s - spare_s) / 100_000.0 * 1e6;
        println!("10,000 readings/s, ten seconds: CPU {cpu_us:.2} us a reading");
    }
}

/// Resident memory of this process, in bytes.
pub fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// The files below a folder, in bytes.
pub fn disk_bytes(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let size = |entry: std::fs::DirEntry| {
        let meta = entry.metadata().unwrap();
        if meta.is_dir() { disk_bytes(&entry.path()) } else { meta.len() }
    };
    entries.map(size).sum()
}

/// The middle of many durations, in milliseconds.
pub fn median_ms(mut times: Vec<std::time::Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}
