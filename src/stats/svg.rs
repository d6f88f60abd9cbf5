//! History as a picture: a line chart in SVG, for e-mails, wikis and pages without scripts. Pure.
//!
//! The line is the readings, or the buckets' means with a band from minimum to maximum. It breaks
//! where the device was silent. It follows the reader's light or dark scheme, and says in words
//! what it shows.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::{Bucket, History};

mod axis;

const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 26.0;
/// The line breaks where a point is this many usual distances away from the one before.
const SILENCE: i64 = 5;
/// Pixels between two marks of the time axis, and what a letter of the title takes.
const MARK_PX: f64 = 70.0;
const LETTER_PX: f64 = 7.5;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#555}.title{font-size:14px;fill:#222}\
    .grid{stroke:#8884;stroke-width:1}.band{fill:#d9480f33}\
    .line{fill:none;stroke:#d9480f;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}\
    @media(prefers-color-scheme:dark){text{fill:#aaa}.title{fill:#eee}.line{stroke:#ff922b}\
    .band{fill:#ff922b33}}";

/// What is to be drawn.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// Above the picture, in any script: the device and its property.
    pub title: &'a str,
    /// The property's unit, may be empty.
    pub unit: &'a str,
    /// Left edge, Unix milliseconds.
    pub from_ms: i64,
    /// Right edge.
    pub to_ms: i64,
    /// The reader's time zone, which the picture names.
    pub zone: &'a TimeZone,
    /// Width in pixels, 200 to 4,000.
    pub width: u32,
    /// Height in pixels, 100 to 4,000.
    pub height: u32,
    /// What is drawn; a thousand points look better than more.
    pub history: &'a History,
}

/// A point of the line, with the ends of the band around it.
#[derive(Clone, Copy)]
struct Mark {
    t_ms: i64,
    min: f64,
    value: f64,
    max: f64,
}

/// How times and values become pixels.
struct Frame {
    width: f64,
    height: f64,
    from_ms: i64,
    span_ms: i64,
    low: f64,
    high: f64,
    step: f64,
}

/// Draws a chart: a whole SVG document without scripts or links.
#[must_use]
pub fn chart(chart: &Chart<'_>) -> String {
    let marks = marks(chart);
    let frame = Frame::around(chart, &marks);
    let (title, unit) = (escaped(chart.title), escaped(chart.unit));
    let zone = escaped(chart.zone.iana_name().unwrap_or("UTC"));
    let (width, height) = (frame.width, frame.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\"><title>{title}</title>\
         <desc>{}</desc><style>{STYLE}</style>\
         <text class=\"title\" x=\"{LEFT}\" y=\"20\">{}</text>\
         <text x=\"{}\" y=\"20\" text-anchor=\"end\">{unit}</text>\
         <text x=\"{}\" y=\"20\" text-anchor=\"end\">{zone}</text>",
        described(chart, &marks, &zone),
        frame.fitting(chart.title, &zone),
        LEFT - 8.0,
        width - RIGHT,
    );
    // Writing to a string can't fail.
    frame.values(&mut svg).ok();
    frame.times(&mut svg, chart.zone).ok();
    for run in runs(&marks, chart.history) {
        frame.run(&mut svg, run).ok();
    }
    svg.push_str("</svg>\n");
    svg
}

fn marks(chart: &Chart<'_>) -> Vec<Mark> {
    match chart.history {
        History::Points(points) => {
            let mark = |t_ms, value| Mark { t_ms, min: value, value, max: value };
            let inside = |mark: &Mark| (chart.from_ms..=chart.to_ms).contains(&mark.t_ms);
            points.iter().map(|point| mark(point.t_ms, point.value)).filter(inside).collect()
        }
        // In the middle of the bucket, or of what the chart shows of it: the newest has only begun.
        History::Buckets { step_ms, buckets } => {
            let mark = |bucket: &Bucket| {
                let start_ms = bucket.t_ms.max(chart.from_ms);
                let end_ms = bucket.t_ms.saturating_add(*step_ms).min(chart.to_ms);
                let Bucket { min, mean: value, max, .. } = *bucket;
                let t_ms = start_ms.midpoint(end_ms);
                (start_ms <= end_ms).then_some(Mark { t_ms, min, value, max })
            };
            buckets.iter().filter_map(mark).collect()
        }
    }
}

/// The stretches without silence.
fn runs<'a>(marks: &'a [Mark], history: &History) -> impl Iterator<Item = &'a [Mark]> {
    let mut distances: Vec<i64> =
        marks.windows(2).filter_map(|pair| Some(pair.last()?.t_ms - pair.first()?.t_ms)).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(1);
    let least = if let History::Buckets { step_ms, .. } = history { *step_ms } else { 1 };
    let silence_ms = usual.max(least).saturating_mul(SILENCE);
    marks.chunk_by(move |a, b| b.t_ms - a.t_ms <= silence_ms)
}

impl Frame {
    fn around(chart: &Chart<'_>, marks: &[Mark]) -> Self {
        let low = marks.iter().map(|mark| mark.min).fold(f64::INFINITY, f64::min);
        let high = marks.iter().map(|mark| mark.max).fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        // A flat line lies in the middle of a band as high as its last visible digit.
        let room = if high - low < 1e-9 { high.abs().max(1.0) * 0.05 } else { 0.0 };
        let step = pleasant(((high - low) + 2.0 * room) / 4.0);
        Self {
            width: f64::from(chart.width.clamp(200, 4_000)),
            height: f64::from(chart.height.clamp(100, 4_000)),
            from_ms: chart.from_ms,
            span_ms: (chart.to_ms.saturating_sub(chart.from_ms)).max(1),
            low: ((low - room) / step).floor() * step,
            high: ((high + room) / step).ceil() * step,
            step,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "pixels need no more than a float's digits")]
    fn x(&self, t_ms: i64) -> f64 {
        let share = (t_ms - self.from_ms) as f64 / self.span_ms as f64;
        LEFT + share * (self.width - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE);
        self.height - BOTTOM - share * (self.height - TOP - BOTTOM)
    }

    fn values(&self, svg: &mut String) -> std::fmt::Result {
        let digits = (0_u8..9).find(|digits| self.step * 10_f64.powi((*digits).into()) >= 0.999);
        let digits = usize::from(digits.unwrap_or(9));
        for i in 0..12 {
            let value = self.low + f64::from(i) * self.step;
            if value > self.high + self.step / 2.0 {
                break;
            }
            let (y, right) = (self.y(value), self.width - RIGHT);
            write!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>")?;
            let (x, y) = (LEFT - 8.0, y + 4.0);
            write!(
                svg,
                "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{value:.digits$}</text>"
            )?;
        }
        Ok(())
    }

    fn times(&self, svg: &mut String, zone: &TimeZone) -> std::fmt::Result {
        let y = self.height - 8.0;
        for (t_ms, label) in axis::marks(self.from_ms, self.to_ms(), self.mark_ms(), zone) {
            let x = self.x(t_ms);
            write!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>")?;
        }
        Ok(())
    }

    const fn to_ms(&self) -> i64 {
        self.from_ms.saturating_add(self.span_ms)
    }

    /// The time between two marks that don't touch.
    #[expect(clippy::cast_precision_loss, reason = "pixels need no more than a float's digits")]
    #[expect(clippy::cast_possible_truncation, reason = "a share of the span")]
    fn mark_ms(&self) -> i64 {
        (self.span_ms as f64 * MARK_PX / (self.width - LEFT - RIGHT)) as i64
    }

    /// As much of the title as has room beside the zone.
    #[expect(clippy::cast_possible_truncation, reason = "a number of letters")]
    #[expect(clippy::cast_sign_loss, reason = "not below zero")]
    fn fitting(&self, title: &str, zone: &str) -> String {
        let room = self.width - LEFT - RIGHT;
        let letters = (room / LETTER_PX) as usize;
        let letters = letters.saturating_sub(zone.chars().count() + 1);
        if title.chars().count() <= letters {
            return escaped(title);
        }
        let begin: String = title.chars().take(letters.saturating_sub(1)).collect();
        escaped(&format!("{begin}…"))
    }

    fn run(&self, svg: &mut String, run: &[Mark]) -> std::fmt::Result {
        if run.iter().any(|mark| mark.max > mark.min) {
            svg.push_str("<path class=\"band\" d=\"");
            let above = run.iter().map(|mark| (mark.t_ms, mark.max));
            let below = run.iter().rev().map(|mark| (mark.t_ms, mark.min));
            self.path(svg, above.chain(below))?;
            svg.push_str("Z\"/>");
        }
        svg.push_str("<path class=\"line\" d=\"");
        self.path(svg, run.iter().map(|mark| (mark.t_ms, mark.value)))?;
        // A round cap makes a dot of a reading that stands alone.
        svg.push_str(if run.len() == 1 { "h0\"/>" } else { "\"/>" });
        Ok(())
    }

    fn path(&self, svg: &mut String, points: impl Iterator<Item = (i64, f64)>) -> std::fmt::Result {
        for (i, (t_ms, value)) in points.enumerate() {
            let letter = if i == 0 { 'M' } else { 'L' };
            write!(svg, "{letter}{:.1} {:.1}", self.x(t_ms), self.y(value))?;
        }
        Ok(())
    }
}

/// The smallest of 1, 2, 5 times a power of ten that isn't below.
fn pleasant(step: f64) -> f64 {
    let power = 10_f64.powf(step.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|pleasant| *pleasant >= step * 0.999).unwrap_or(10.0 * power)
}

/// What a reader hears who can't see the picture.
fn described(chart: &Chart<'_>, marks: &[Mark], zone: &str) -> String {
    let (from, to) =
        (axis::moment(chart.from_ms, chart.zone), axis::moment(chart.to_ms, chart.zone));
    let (Some(first), Some(last)) = (marks.first(), marks.last()) else {
        return format!("no readings from {from} to {to}, {zone}");
    };
    let low = marks.iter().fold(first.min, |low, mark| low.min(mark.min));
    let high = marks.iter().fold(first.max, |high, mark| high.max(mark.max));
    let unit = escaped(chart.unit);
    format!(
        "between {low} and {high} {unit}, last {:.2} {unit}; from {from} to {to}, {zone}",
        last.value
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            // No other control character may stand in XML.
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
