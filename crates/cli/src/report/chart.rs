//! An answer as a picture: one panel for each measure or ratio, a bar with its interval for each row. SVG is written here, PNG is drawn
//! from it with the fonts of this machine.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, anyhow};
use resvg::{tiny_skia, usvg};
use tacita_proto::v1;

use super::{
    ask::{name_of, rows_of},
    text::{figures, label},
};
use crate::table::{count, utc};

/// Pixels.
const WIDTH: f64 = 960.0;
const LABELS: f64 = 260.0;
const FIGURES: f64 = 230.0;
const ROW: f64 = 24.0;
const HEAD: f64 = 52.0;
/// The most rows of a panel: the picture of more is no picture.
const MOST: usize = 40;
/// Dots for each pixel of a PNG.
const DENSITY: f32 = 2.0;

/// Private channels stand out; everything else is calm.
const PRIVATE: &str = "#0b7285";
const OTHER: &str = "#868e96";

/// A row to draw.
struct Bar {
    label: String,
    /// Low, value, high; none where a ratio is not estimable.
    at: Option<(f64, f64, f64)>,
    figures: String,
    private: bool,
}

struct Panel {
    title: String,
    below: String,
    bars: Vec<Bar>,
    left_out: usize,
}

/// The picture as SVG.
pub(crate) fn svg(answer: &v1::QueryResponse) -> String {
    let panels: Vec<Panel> = counts(answer).into_iter().chain(ratios(answer)).collect();
    let height: f64 = panels.iter().map(Panel::height).sum::<f64>() + 16.0;
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"DejaVu Sans, Liberation Sans, Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#212529\">"
    ));
    line(format!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>"));
    let mut top = 8.0;
    for panel in &panels {
        line(panel.draw(top));
        top += panel.height();
    }
    line("</svg>".to_owned());
    out
}

/// The picture as PNG.
pub(crate) fn png(svg: &str) -> Result<Vec<u8>> {
    let mut options = usvg::Options::default();
    options.fontdb_mut().load_system_fonts();
    if options.fontdb.is_empty() {
        return Err(anyhow!(
            "this machine has no fonts to draw text with: install some (fonts-dejavu-core), or write --svg"
        ));
    }
    if let Some(family) = a_sans(&options.fontdb) {
        options.fontdb_mut().set_sans_serif_family(family);
    }
    let tree = usvg::Tree::from_str(svg, &options).context("the picture does not parse")?;
    let size = tree.size().to_int_size().scale_by(DENSITY).context("the picture has no size")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).context("the picture is too large for PNG")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(DENSITY, DENSITY), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

/// A font for text without serifs, whichever there is.
fn a_sans(fonts: &usvg::fontdb::Database) -> Option<String> {
    let families = || fonts.faces().flat_map(|face| face.families.iter().map(|(name, _)| name.clone()));
    families().find(|name| name.contains("Sans")).or_else(|| families().next())
}

/// Writes a picture.
pub(crate) fn write(path: &Path, picture: &[u8]) -> Result<()> {
    std::fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))
}

fn counts(answer: &v1::QueryResponse) -> Vec<Panel> {
    let panel = |about: &v1::MeasureAnswer| {
        let rows = rows_of(answer, about);
        let by_time = rows.iter().any(|row| row.period != rows[0].period);
        let bar = |row: &&v1::Row| {
            let estimate = row.estimate.unwrap_or_default();
            Bar {
                label: named(by_time, row.period, &label(&row.labels, &about.group_by)),
                at: Some((estimate.low, estimate.value, estimate.high)),
                figures: format!("{} ({} … {})", count(estimate.value), count(estimate.low), count(estimate.high)),
                private: is_private(&row.labels),
            }
        };
        let epsilon = about.privacy.as_ref().map_or(0.0, |privacy| privacy.epsilon);
        Panel {
            title: name_of(about).to_owned(),
            below: format!("{} reports; 95 % intervals; ε = {epsilon:.2} for one report", count(about.reports as f64)),
            bars: rows.iter().take(MOST).map(bar).collect(),
            left_out: rows.len().saturating_sub(MOST),
        }
    };
    answer.measures.iter().map(panel).collect()
}

fn ratios(answer: &v1::QueryResponse) -> Vec<Panel> {
    let mut names: Vec<&str> = answer.ratios.iter().map(|row| row.ratio.as_str()).collect();
    names.dedup();
    let group_by = answer.query.as_ref().map_or(&[][..], |query| &query.group_by);
    let panel = |name: &str| {
        let rows: Vec<_> = answer.ratios.iter().filter(|row| row.ratio == name).collect();
        let by_time = rows.iter().any(|row| row.period != rows[0].period);
        let bar = |row: &&v1::RatioRow| {
            let ratio = row.estimate.unwrap_or_default();
            let (value, interval) = figures(&ratio);
            Bar {
                label: named(by_time, row.period, &label(&row.labels, group_by)),
                at: ratio.low.zip(ratio.value).zip(ratio.high).map(|((low, value), high)| (low, value, high)),
                figures: if interval.is_empty() { "not estimable".to_owned() } else { format!("{value} ({interval})") },
                private: is_private(&row.labels),
            }
        };
        Panel {
            title: name.replace('_', " "),
            below: "95 % intervals".to_owned(),
            bars: rows.iter().take(MOST).map(bar).collect(),
            left_out: rows.len().saturating_sub(MOST),
        }
    };
    names.into_iter().map(panel).collect()
}

fn named(by_time: bool, period: Option<v1::TimeRange>, label: &str) -> String {
    if by_time { format!("{} {label}", utc(period.unwrap_or_default().from)) } else { label.to_owned() }
}

fn is_private(labels: &[String]) -> bool {
    use tacita_protocol::channel::Channel;
    labels.iter().any(|label| label == "private" || label.parse().is_ok_and(|channel: Channel| channel.is_private()))
}

impl Panel {
    fn height(&self) -> f64 {
        HEAD + ROW * (self.bars.len() + usize::from(self.left_out > 0)) as f64 + 12.0
    }

    fn draw(&self, top: f64) -> String {
        let ends = self.bars.iter().filter_map(|bar| bar.at);
        let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), at| (low.min(at.0), high.max(at.2)));
        let span = WIDTH - LABELS - FIGURES - 32.0;
        let x = |value: f64| LABELS + 16.0 + if high > low { (value - low) / (high - low) * span } else { 0.0 };
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<text x=\"16\" y=\"{:.1}\" font-size=\"17\" font-weight=\"bold\">{}</text>\
             <text x=\"16\" y=\"{:.1}\" fill=\"#495057\">{}</text>",
            top + 20.0,
            escape(&self.title),
            top + 39.0,
            escape(&self.below)
        );
        let bottom = top + HEAD + ROW * self.bars.len() as f64;
        let _ = write!(
            out,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{bottom:.1}\" stroke=\"#adb5bd\"/>",
            x(0.0),
            top + HEAD
        );
        for (place, bar) in self.bars.iter().enumerate() {
            bar.draw(&mut out, top + HEAD + ROW * place as f64, &x);
        }
        if self.left_out > 0 {
            let _ = write!(
                out,
                "<text x=\"16\" y=\"{:.1}\" fill=\"#495057\">and {} more</text>",
                bottom + 16.0,
                self.left_out
            );
        }
        out
    }
}

impl Bar {
    fn draw(&self, out: &mut String, top: f64, x: &dyn Fn(f64) -> f64) {
        let (middle, colour) = (top + ROW / 2.0, if self.private { PRIVATE } else { OTHER });
        let shortened: String = match self.label.chars().count() > 34 {
            true => self.label.chars().take(33).chain(['…']).collect(),
            false => self.label.clone(),
        };
        let _ = write!(
            out,
            "<text x=\"{LABELS}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            middle + 4.5,
            escape(&shortened),
            WIDTH - 16.0,
            middle + 4.5,
            escape(&self.figures)
        );
        let Some((low, value, high)) = self.at else { return };
        let (zero, end) = (x(0.0), x(value));
        let _ = write!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"0.35\"/>\
             <path d=\"M{:.1} {middle:.1}H{:.1}M{:.1} {top:.1}v8M{:.1} {top:.1}v8\" \
             stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>\
             <circle cx=\"{end:.1}\" cy=\"{middle:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
            zero.min(end),
            top + 4.0,
            (end - zero).abs(),
            ROW - 8.0,
            x(low),
            x(high),
            x(low),
            x(high),
            top = middle - 4.0,
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(label: &str) -> v1::QueryResponse {
        let estimate = v1::Estimate { value: 100.0, low: 80.0, high: 120.0, ..Default::default() };
        v1::QueryResponse {
            measures: vec![v1::MeasureAnswer {
                measure: Some(v1::Measure { name: "arrivals".into(), ..Default::default() }),
                group_by: vec!["channel".into()],
                ..Default::default()
            }],
            rows: vec![v1::Row {
                measure: "arrivals".into(),
                labels: vec![label.into()],
                estimate: Some(estimate),
                ..Default::default()
            }],
            ratios: vec![v1::RatioRow { ratio: "dark_share".into(), ..Default::default() }],
            ..Default::default()
        }
    }

    #[test]
    fn a_picture_is_well_formed_whatever_a_label_says() {
        for label in ["whatsapp", "<script>&\"", &"long ".repeat(20)] {
            let picture = svg(&answer(label));
            let tree = usvg::Tree::from_str(&picture, &usvg::Options::default());
            assert!(tree.is_ok(), "{picture}");
            assert!(!picture.contains("<script"), "{picture}");
            assert!(picture.contains("100 (80 … 120)") && picture.contains("not estimable"));
        }
    }

    #[test]
    fn private_channels_have_a_colour_of_their_own() {
        assert!(svg(&answer("whatsapp")).contains(PRIVATE));
        assert!(!svg(&answer("facebook")).contains(PRIVATE));
    }
}
