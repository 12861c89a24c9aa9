//! A bar with its interval for each row.

use super::{
    canvas::{AXIS, Canvas, MARGIN, SOFT, WIDTH, shortened},
    tone::Tone,
};

/// Pixels.
const LABELS: f64 = 260.0;
const FIGURES: f64 = 230.0;
const ROW: f64 = 24.0;
/// Letters of a row's label.
const LETTERS: usize = 34;
/// The width of a letter, roughly.
const LETTER: f64 = 7.6;

/// Low, value, high.
pub(super) type Interval = (f64, f64, f64);

/// A row.
pub(super) struct Bar {
    pub(super) label: String,
    /// None where a ratio is not estimable.
    pub(super) at: Option<Interval>,
    /// The value in the period compared with.
    pub(super) before: Option<f64>,
    pub(super) figures: String,
    pub(super) tone: Tone,
    /// The rows below it are its parts.
    pub(super) is_whole: bool,
}

/// Rows on one scale.
pub(super) struct Bars(pub(super) Vec<Bar>);

impl Bars {
    pub(super) fn height(&self) -> f64 {
        ROW * self.0.len() as f64
    }

    /// Draws the rows and, in the line above them, what their colours stand for; where they end.
    pub(super) fn draw(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let bottom = top + self.height();
        let ends = self
            .0
            .iter()
            .flat_map(|bar| bar.at.map(|at| (at.0, at.2)).into_iter().chain(bar.before.map(|at| (at, at))));
        let (low, high) = ends.fold((0.0_f64, 0.0_f64), |all, at| (all.0.min(at.0), all.1.max(at.1)));
        let span = WIDTH - LABELS - FIGURES - 2.0 * MARGIN;
        let x = |value: f64| LABELS + MARGIN + if high > low { (value - low) / (high - low) * span } else { 0.0 };
        canvas.line((x(0.0), top), (x(0.0), bottom), AXIS);
        for (place, bar) in self.0.iter().enumerate() {
            bar.draw(canvas, top + ROW * place as f64, &x);
        }
        self.legend(canvas, top - 32.0);
        bottom
    }

    fn legend(&self, canvas: &mut Canvas, y: f64) {
        let mut tones: Vec<Tone> = self.0.iter().map(|bar| bar.tone).collect();
        tones.sort_unstable();
        tones.dedup();
        if tones == [Tone::Other] {
            return;
        }
        let mut right = WIDTH - MARGIN;
        for tone in tones.into_iter().rev() {
            canvas.rect((right - 11.0, y - 10.0), (11.0, 11.0), tone.colour());
            canvas.text((right - 17.0, y), "end", SOFT, tone.name());
            right -= 33.0 + LETTER * tone.name().len() as f64;
        }
    }
}

impl Bar {
    fn draw(&self, canvas: &mut Canvas, top: f64, x: &dyn Fn(f64) -> f64) {
        let middle = top + ROW / 2.0;
        let label = shortened(&self.label, LETTERS);
        match self.is_whole {
            true => canvas.strong((LABELS, middle + 4.5), "end", &label),
            false => canvas.label((LABELS, middle + 4.5), "end", &label),
        }
        canvas.label((WIDTH - MARGIN, middle + 4.5), "end", &self.figures);
        let colour = self.tone.colour();
        if let Some((low, value, high)) = self.at {
            let (zero, end) = (x(0.0), x(value));
            canvas.rect((zero.min(end), top + 4.0), ((end - zero).abs(), ROW - 8.0), self.tone.wash());
            canvas.path(&[(x(low), middle), (x(high), middle)], colour, 2.0, "");
            for end in [low, high] {
                canvas.path(&[(x(end), middle - 4.0), (x(end), middle + 4.0)], colour, 2.0, "");
            }
            canvas.dot((end, middle), colour);
        }
        if let Some(before) = self.before {
            canvas.path(&[(x(before), top + 2.0), (x(before), top + ROW - 2.0)], SOFT, 1.5, "2 2");
        }
    }
}
