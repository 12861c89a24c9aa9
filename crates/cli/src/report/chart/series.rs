//! Lines over time, each with the band of its intervals.

use super::{
    bars::Interval,
    canvas::{AXIS, Canvas, GRID, MARGIN, SOFT, WIDTH, shortened},
};
use crate::table::{count, days_or_minutes, decimal};

/// Pixels.
const HEIGHT: f64 = 300.0;
const AXIS_LINE: f64 = 24.0;
const LEGEND: f64 = 230.0;
const LETTER: f64 = 7.6;
/// About so many marks of the axis of values.
const TICKS: f64 = 5.0;
/// Letters of a name in the legend.
const LETTERS: usize = 26;

/// A group over time.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) colour: &'static str,
    /// In the order of time.
    pub(super) points: Vec<Point>,
}

/// A group in one period.
#[derive(Clone, Copy)]
pub(super) struct Point {
    /// Unix seconds: where the period begins.
    pub(super) at: u64,
    /// None where a ratio is not estimable: the line has a gap.
    pub(super) of: Option<Interval>,
    /// The value in the period compared with.
    pub(super) before: Option<f64>,
    /// No window of the period takes reports any more.
    pub(super) settled: bool,
}

/// Lines on one scale.
pub(super) struct Series(pub(super) Vec<Line>);

impl Series {
    pub(super) fn height(&self) -> f64 {
        HEIGHT
    }

    /// Draws axes, lines and their names; where all of it ends.
    pub(super) fn draw(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let plane = self.plane(top);
        plane.draw_axes(canvas, &self.times());
        // Bands lie over each other.
        let opacity = if self.0.len() > 3 { 0.08 } else { 0.14 };
        for line in &self.0 {
            line.draw(canvas, &plane, opacity);
        }
        if self.0.len() > 1 {
            for (place, line) in self.0.iter().enumerate() {
                let (x, y) = (WIDTH - LEGEND + MARGIN, top + 20.0 + 20.0 * place as f64);
                canvas.path(&[(x, y - 4.5), (x + 18.0, y - 4.5)], line.colour, 3.0, "");
                canvas.label((x + 26.0, y), "start", &shortened(&line.label, LETTERS));
            }
        }
        top + HEIGHT
    }

    fn times(&self) -> Vec<u64> {
        let mut times: Vec<u64> = self.points().map(|point| point.at).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.0.iter().flat_map(|line| &line.points)
    }

    fn plane(&self, top: f64) -> Plane {
        let ends = self.points().flat_map(|point| {
            point.of.map(|of| (of.0, of.2)).into_iter().chain(point.before.map(|before| (before, before)))
        });
        let (low, high) = ends.fold((0.0_f64, 0.0_f64), |all, at| (all.0.min(at.0), all.1.max(at.1)));
        let high = if high > low { high } else { low + 1.0 };
        let ticks = ticks(low, high);
        let widest = ticks.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(0);
        let times = self.times();
        let when = days_or_minutes(times.iter().copied());
        let ends = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
        let room = LETTER * when(ends.0).len() as f64 + 16.0;
        let left = (LETTER * widest as f64 + 10.0).max(room / 2.0);
        Plane {
            times: ends,
            when,
            room,
            values: (low, high),
            x: (MARGIN + left, WIDTH - if self.0.len() > 1 { LEGEND } else { room / 2.0 }),
            y: (top + HEIGHT - AXIS_LINE, top + 6.0),
            ticks,
        }
    }
}

/// Where times and values lie.
struct Plane {
    times: (u64, u64),
    /// How a time is written, and its width.
    when: fn(u64) -> String,
    room: f64,
    values: (f64, f64),
    x: (f64, f64),
    /// Of the lowest value and of the highest.
    y: (f64, f64),
    ticks: Vec<(f64, String)>,
}

impl Plane {
    fn x(&self, at: u64) -> f64 {
        let (first, last) = self.times;
        let share = at.saturating_sub(first) as f64 / last.saturating_sub(first).max(1) as f64;
        self.x.0 + share * (self.x.1 - self.x.0)
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        self.y.0 + (value - low) / (high - low) * (self.y.1 - self.y.0)
    }

    fn place(&self, at: u64, value: f64) -> (f64, f64) {
        (self.x(at), self.y(value))
    }

    fn draw_axes(&self, canvas: &mut Canvas, times: &[u64]) {
        for (value, text) in &self.ticks {
            let y = self.y(*value);
            canvas.line((self.x.0, y), (self.x.1, y), if *value == 0.0 { AXIS } else { GRID });
            canvas.text((self.x.0 - 8.0, y + 4.5), "end", SOFT, text);
        }
        let mut free_from = f64::MIN;
        for (time, x) in times.iter().map(|&time| (time, self.x(time))) {
            if x < free_from {
                continue;
            }
            free_from = x + self.room;
            canvas.line((x, self.y.0), (x, self.y.0 + 5.0), AXIS);
            canvas.text((x, self.y.0 + 19.0), "middle", SOFT, &(self.when)(time));
        }
    }
}

impl Line {
    fn draw(&self, canvas: &mut Canvas, plane: &Plane, opacity: f64) {
        for run in self.points.chunk_by(|one, other| one.of.is_some() == other.of.is_some()) {
            let known: Vec<(&Point, Interval)> = run.iter().filter_map(|point| Some((point, point.of?))).collect();
            match known.as_slice() {
                [] => {}
                [(point, (low, value, high))] => {
                    canvas.path(&[plane.place(point.at, *low), plane.place(point.at, *high)], self.colour, 2.0, "");
                    canvas.dot(plane.place(point.at, *value), self.colour);
                }
                known => self.draw_run(canvas, plane, known, opacity),
            }
        }
        let before: Vec<_> =
            self.points.iter().filter_map(|point| Some(plane.place(point.at, point.before?))).collect();
        if before.len() > 1 {
            canvas.path(&before, self.colour, 1.0, "2 3");
        }
    }

    /// Periods one after the other; the line is dashed to those that still take reports.
    fn draw_run(&self, canvas: &mut Canvas, plane: &Plane, known: &[(&Point, Interval)], opacity: f64) {
        let highs = known.iter().map(|(point, of)| plane.place(point.at, of.2));
        let lows = known.iter().rev().map(|(point, of)| plane.place(point.at, of.0));
        canvas.area(&highs.chain(lows).collect::<Vec<_>>(), self.colour, opacity);
        let values: Vec<_> = known.iter().map(|(point, of)| plane.place(point.at, of.1)).collect();
        let settled = known.iter().take_while(|(point, _)| point.settled).count();
        if settled > 1 {
            canvas.path(&values[..settled], self.colour, 2.0, "");
        }
        if settled < values.len() {
            canvas.path(&values[settled.saturating_sub(1)..], self.colour, 2.0, "5 4");
        }
    }
}

/// Round numbers from low to high: 1, 2 or 5 times a power of ten apart.
fn ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let least = (high - low) / TICKS;
    let power = 10.0_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].map(|times| times * power).into_iter().find(|&step| step >= least);
    let step = step.unwrap_or(10.0 * power);
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = |value: f64| if digits == 0 { count(value) } else { decimal(value, digits) };
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|place| place as f64 * step).map(|value| (value, text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_an_axis_are_round() {
        let texts = |low, high| ticks(low, high).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(-130.0, 1_040.0), ["0", "500", "1,000"]);
        assert_eq!(texts(-60.0, 190.0), ["−50", "0", "50", "100", "150"]);
        assert_eq!(texts(0.0, 0.9), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(texts(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }
}
