//! An interval as a line of characters.

/// Characters of an error bar.
const BAR: usize = 25;

/// Where intervals lie, in characters.
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From the lowest to the highest end, zero among them.
    pub(super) fn of(ends: impl Iterator<Item = (f64, f64)>) -> Self {
        let widen = |scale: Self, (low, high): (f64, f64)| Self { low: scale.low.min(low), high: scale.high.max(high) };
        ends.fold(Self { low: 0.0, high: 0.0 }, widen)
    }

    fn place(&self, value: f64) -> usize {
        let width = self.high - self.low;
        let share = if width > 0.0 { (value - self.low) / width } else { 0.0 };
        (share * (BAR - 1) as f64).round().clamp(0.0, (BAR - 1) as f64) as usize
    }

    /// `├──●──┤` where the interval lies, `│` where zero is.
    pub(super) fn bar(&self, low: f64, value: f64, high: f64) -> String {
        let mut bar = vec![' '; BAR];
        bar[self.place(0.0)] = '│';
        let (from, to) = (self.place(low), self.place(high));
        bar[from..=to].fill('─');
        (bar[from], bar[to]) = ('├', '┤');
        bar[self.place(value)] = '●';
        bar.into_iter().collect::<String>().trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_bar_reaches_from_low_to_high_and_shows_zero() {
        let scale = Scale { low: 0.0, high: 240.0 };
        assert_eq!(scale.bar(100.0, 120.0, 140.0), "│         ├─●─┤");
        assert_eq!(scale.bar(-0.0, 0.0, 0.0), "●");
        assert_eq!(Scale { low: 0.0, high: 0.0 }.bar(0.0, 0.0, 0.0), "●");
    }
}
