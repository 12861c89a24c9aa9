//! SVG as text: what the panels draw with.

use std::fmt::Write as _;

/// Pixels.
pub(super) const WIDTH: f64 = 960.0;
pub(super) const MARGIN: f64 = 16.0;

/// Colours: of what is read, what explains it, and of axes.
const INK: &str = "#1d1b22";
pub(super) const SOFT: &str = "#5b5763";
pub(super) const AXIS: &str = "#cfcac3";
pub(super) const GRID: &str = "#ece9e4";

/// A picture that is being drawn.
pub(super) struct Canvas {
    svg: String,
}

impl Canvas {
    pub(super) fn new(height: f64) -> Self {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" font-family=\"DejaVu Sans, Liberation Sans, Helvetica, Arial, sans-serif\" \
             font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        Self { svg }
    }

    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }

    pub(super) fn title(&mut self, place: (f64, f64), text: &str) {
        self.write(place, "start", INK, " font-size=\"17\" font-weight=\"bold\"", text);
    }

    /// Text that begins, has its middle, or ends (`start`, `middle`, `end`) at a place on its base line.
    pub(super) fn text(&mut self, place: (f64, f64), anchor: &str, colour: &str, text: &str) {
        self.write(place, anchor, colour, "", text);
    }

    /// The name and the figures of a row.
    pub(super) fn label(&mut self, place: (f64, f64), anchor: &str, text: &str) {
        self.write(place, anchor, INK, "", text);
    }

    /// The name of a row that those below it are parts of.
    pub(super) fn strong(&mut self, place: (f64, f64), anchor: &str, text: &str) {
        self.write(place, anchor, INK, " font-weight=\"bold\"", text);
    }

    fn write(&mut self, (x, y): (f64, f64), anchor: &str, colour: &str, style: &str, text: &str) {
        let text = escape(text);
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\"{style}>{text}</text>"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        self.path(&[from, to], colour, 1.0, "");
    }

    /// A line through places; `dashes` as in SVG, empty for none.
    pub(super) fn path(&mut self, places: &[(f64, f64)], colour: &str, width: f64, dashes: &str) {
        let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
        let d = through(places);
        self.add(format_args!(
            "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}/>"
        ));
    }

    /// A filled shape.
    pub(super) fn area(&mut self, places: &[(f64, f64)], colour: &str, opacity: f64) {
        let d = through(places);
        self.add(format_args!("<path d=\"{d}Z\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"));
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
        ));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), colour: &str) {
        self.add(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.svg, "{element}");
    }
}

fn through(places: &[(f64, f64)]) -> String {
    let mut d = String::new();
    for (index, (x, y)) in places.iter().enumerate() {
        let _ = write!(d, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
    }
    d
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text that has room for so many letters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Lines of so many letters at most, broken between words.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(|word| shortened(word, most)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh i", 4), ["abc…", "i"]);
        assert!(wrapped("", 7).is_empty());
    }
}
