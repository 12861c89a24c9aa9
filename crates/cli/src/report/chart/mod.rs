//! An answer as a picture: panels one below the other, of bars or of lines over time. SVG is written here, PNG is drawn
//! from it with the fonts of this machine.

mod bars;
mod canvas;
mod query;
mod series;
mod tone;
mod views;

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use resvg::{tiny_skia, usvg};

use self::{
    bars::Bars,
    canvas::{Canvas, MARGIN, SOFT},
    series::Series,
};
pub(crate) use self::{
    query::query,
    views::{funnel, reconciliation},
};

/// Pixels.
const HEAD: f64 = 52.0;
const LINE: f64 = 18.0;
/// Letters of a line below a drawing.
const LETTERS: usize = 125;
/// Dots for each pixel of a PNG.
const DENSITY: f32 = 2.0;

/// One drawing with its title.
pub(crate) struct Panel {
    title: String,
    /// What its numbers are of.
    about: String,
    drawing: Drawing,
    /// What is to be known besides: what was left out.
    note: String,
}

enum Drawing {
    Bars(Bars),
    Series(Series),
}

impl Panel {
    fn height(&self) -> f64 {
        let drawing = match &self.drawing {
            Drawing::Bars(bars) => bars.height(),
            Drawing::Series(series) => series.height(),
        };
        HEAD + drawing + LINE * canvas::wrapped(&self.note, LETTERS).len() as f64 + 14.0
    }

    fn draw(&self, canvas: &mut Canvas, top: f64) {
        canvas.title((MARGIN, top + 20.0), &self.title);
        canvas.text((MARGIN, top + 39.0), "start", SOFT, &self.about);
        let end = match &self.drawing {
            Drawing::Bars(bars) => bars.draw(canvas, top + HEAD),
            Drawing::Series(series) => series.draw(canvas, top + HEAD),
        };
        for (place, line) in canvas::wrapped(&self.note, LETTERS).iter().enumerate() {
            canvas.text((MARGIN, end + LINE * (place + 1) as f64 - 4.0), "start", SOFT, line);
        }
    }
}

/// The picture, to whichever of the two files are asked for.
pub(crate) fn write(panels: &[Panel], svg: Option<&Path>, png: Option<&Path>) -> Result<()> {
    let picture = as_svg(panels);
    let save = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(path) = svg {
        save(path, picture.as_bytes())?;
    }
    if let Some(path) = png {
        save(path, &as_png(&picture)?)?;
    }
    Ok(())
}

fn as_svg(panels: &[Panel]) -> String {
    let mut canvas = Canvas::new(panels.iter().map(Panel::height).sum::<f64>() + MARGIN);
    let mut top = 8.0;
    for panel in panels {
        panel.draw(&mut canvas, top);
        top += panel.height();
    }
    canvas.finish()
}

fn as_png(svg: &str) -> Result<Vec<u8>> {
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

#[cfg(test)]
mod tests;
