//! The first layer's weights as one picture.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::figure::Shown;
use crate::record::{Filter, FilterGrid, RunRecord};

use super::ReportError;
use super::markup::{Section, escape, put, reading};

/// At most as many units are shown.
const UNITS: usize = 160;
/// Beyond as many weights in all, units are left out, lest the page become too heavy.
const WEIGHTS: usize = 1 << 20;
/// Width of the whole picture on the page, in CSS pixels.
const PAGE_WIDTH: usize = 1100;
/// A unit's picture is drawn at about this width, in CSS pixels.
const UNIT_WIDTH: usize = 64;
/// RGB of negative and of positive weights. Strength is opacity, so that a weight of zero is the
/// page's own colour, be it light or dark.
const NEGATIVE: [u8; 3] = [0x2a, 0x78, 0xd6];
const POSITIVE: [u8; 3] = [0xe3, 0x5d, 0x2c];

impl FilterGrid {
    /// Mean spatial autocorrelation (Moran's I) of the pictures; `None` when there is none.
    ///
    /// 1 is perfectly smooth, about 0 is noise, negative is a chequerboard. With `w_ij` = 1 for
    /// horizontal and vertical neighbours, `W` their sum and `N` the number of pixels:
    /// ```text
    /// I = (N / W) Σ_ij w_ij (x_i - mean)(x_j - mean) / Σ_i (x_i - mean)²
    /// ```
    /// Pictures that are constant, hold a value that is not finite, or are of another size do not
    /// take part.
    ///
    /// # Source
    /// Moran (1950), Notes on continuous stochastic phenomena, Biometrika 37.
    ///
    /// # Example
    /// ```
    /// use limpid_diagnostics::record::{Filter, FilterGrid};
    ///
    /// let chequerboard = Filter { weights: vec![1.0, -1.0, -1.0, 1.0] };
    /// let grid = FilterGrid { height: 2, width: 2, filters: vec![chequerboard], ..Default::default() };
    /// assert_eq!(grid.smoothness(), Some(-1.0));
    /// ```
    pub fn smoothness(&self) -> Option<f64> {
        let figures: Vec<f64> = self
            .filters
            .iter()
            .filter_map(|it| self.moran(it))
            .collect();
        (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
    }

    fn moran(&self, filter: &Filter) -> Option<f64> {
        let weights = self.pixels(filter)?;
        let count = weights.len() as f64;
        let mean = weights.iter().sum::<f64>() / count;
        let off: Vec<f64> = weights.iter().map(|weight| weight - mean).collect();
        let square: f64 = off.iter().map(|value| value * value).sum();
        let rows = || off.chunks(self.width);
        let across = rows()
            .flat_map(|row| row.windows(2))
            .map(|pair| pair[0] * pair[1]);
        let down = rows().zip(rows().skip(1));
        let down = down
            .flat_map(|(one, other)| one.iter().zip(other))
            .map(|(a, b)| a * b);
        let products: Vec<f64> = across.chain(down).collect();
        let figure = count / products.len() as f64 * products.iter().sum::<f64>() / square;
        figure.is_finite().then_some(figure)
    }

    /// The weights of a unit, when there are as many as the picture has pixels.
    fn pixels<'a>(&self, filter: &'a Filter) -> Option<&'a [f64]> {
        let size = self.height.checked_mul(self.width)?;
        (size > 0 && filter.weights.len() == size).then_some(&filter.weights)
    }
}

/// The pictures, with their smoothness.
pub(super) fn filters(record: &RunRecord) -> Result<Option<Section>, ReportError> {
    let Some(grid) = &record.filters else {
        return Ok(None);
    };
    let whole: Vec<&[f64]> = grid
        .filters
        .iter()
        .filter_map(|it| grid.pixels(it))
        .collect();
    let affordable = WEIGHTS / grid.height.saturating_mul(grid.width).max(1);
    let shown = &whole[..whole.len().min(UNITS).min(affordable)];
    let mut body = String::new();
    if !shown.is_empty() {
        let sheet = Sheet::new(grid, shown);
        let picture = STANDARD.encode(sheet.png()?);
        // Whole multiples of a pixel, so that all pixels are equally large.
        let zoom = (PAGE_WIDTH / sheet.width).max(1);
        put!(
            body,
            "<figure class=\"weights\"><img alt=\"weights of {} units\"",
            shown.len()
        );
        put!(
            body,
            " width=\"{}\" height=\"{}\"",
            sheet.width * zoom,
            sheet.height * zoom
        );
        put!(body, " src=\"data:image/png;base64,{picture}\">");
        put!(body, "<p class=\"note\"><b>{}</b>: ", escape(&grid.path));
        let (count, all, height, width) = (shown.len(), whole.len(), grid.height, grid.width);
        put!(
            body,
            "{count} of {all} units, {height} × {width} weights each, "
        );
        body.push_str("each unit scaled by its largest weight. ");
        body.push_str("<span class=\"key negative\">negative</span> ");
        body.push_str("<span class=\"key positive\">positive</span></p></figure>\n");
    }
    if let Some(smoothness) = grid.smoothness() {
        let text = format!(
            "Smoothness (Moran's I) <b>{}</b>: 1 is smooth, 0 is noise. Noisy pictures in a \
             finished net point to a learning rate that was too high, too little penalty, or too \
             short a training.",
            Shown(smoothness)
        );
        body.insert_str(0, &reading(&text));
    }
    if shown.is_empty() && !whole.is_empty() {
        body += &reading("Each unit has too many weights to be shown as a picture.");
    }
    let broken = grid.filters.len() - whole.len();
    if broken > 0 {
        let size = format!("{} × {}", grid.height, grid.width);
        body += &reading(&format!(
            "{broken} units have not {size} weights and are not shown."
        ));
    }
    Ok(Section::unless_empty(
        "filters",
        "First-layer weights",
        body,
    ))
}

/// All pictures on one sheet, one pixel apart.
#[derive(Debug)]
struct Sheet {
    width: usize,
    height: usize,
    /// RGBA, row by row.
    pixels: Vec<u8>,
}

impl Sheet {
    fn new(grid: &FilterGrid, units: &[&[f64]]) -> Self {
        let zoom = UNIT_WIDTH.div_ceil(grid.width).max(1);
        let columns = (PAGE_WIDTH / (zoom * (grid.width + 1))).clamp(1, units.len());
        let width = columns * (grid.width + 1) - 1;
        let height = units.len().div_ceil(columns) * (grid.height + 1) - 1;
        let mut pixels = vec![0; 4 * width * height];
        for (index, unit) in units.iter().enumerate() {
            let (top, left) = (
                index / columns * (grid.height + 1),
                index % columns * (grid.width + 1),
            );
            let finite = unit.iter().filter(|weight| weight.is_finite());
            let largest = finite.fold(0.0_f64, |most, weight| most.max(weight.abs()));
            for (place, weight) in unit.iter().enumerate() {
                let (row, column) = (top + place / grid.width, left + place % grid.width);
                let start = 4 * (row * width + column);
                pixels[start..start + 4].copy_from_slice(&colour(*weight, largest));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    fn png(&self) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width), side(self.height));
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// RGBA of a weight; one that is not finite is black.
fn colour(weight: f64, largest: f64) -> [u8; 4] {
    if !weight.is_finite() {
        return [0, 0, 0, 255];
    }
    let [red, green, blue] = if weight < 0.0 { NEGATIVE } else { POSITIVE };
    let share = weight.abs() / largest.max(f64::MIN_POSITIVE);
    // From 0 to 255: the share is at most 1.
    [red, green, blue, (255.0 * share).round() as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(height: usize, width: usize, filters: Vec<Vec<f64>>) -> FilterGrid {
        let filters = filters
            .into_iter()
            .map(|weights| Filter { weights })
            .collect();
        FilterGrid {
            path: "fc1.weight".into(),
            height,
            width,
            filters,
        }
    }

    fn section(grid: FilterGrid) -> Option<Section> {
        filters(&RunRecord {
            filters: Some(grid),
            ..RunRecord::default()
        })
        .unwrap()
    }

    #[test]
    fn smoothness_tells_a_ramp_from_a_chequerboard() {
        let ramp: Vec<f64> = (0..64).map(|place| f64::from(place % 8)).collect();
        let board: Vec<f64> = (0..64)
            .map(|place| f64::from((place / 8 + place % 8) % 2))
            .collect();
        assert!(grid(8, 8, vec![ramp]).smoothness().unwrap() > 0.7);
        assert_eq!(grid(8, 8, vec![board]).smoothness(), Some(-1.0));
        assert_eq!(grid(8, 8, vec![vec![1.0; 64]]).smoothness(), None);
        assert_eq!(grid(1, 1, vec![vec![1.0]]).smoothness(), None);
    }

    #[test]
    fn the_sheet_is_a_png_that_decodes_to_its_pixels() {
        let grid = grid(1, 2, vec![vec![-1.0, 0.5], vec![0.0, f64::NAN]]);
        let units: Vec<&[f64]> = grid
            .filters
            .iter()
            .map(|it| it.weights.as_slice())
            .collect();
        let sheet = Sheet::new(&grid, &units);
        assert_eq!((sheet.width, sheet.height), (5, 1));
        let bytes = sheet.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, sheet.pixels);
        assert_eq!(pixels[..8], [0x2a, 0x78, 0xd6, 255, 0xe3, 0x5d, 0x2c, 128]);
        assert_eq!(pixels[12..], [0xe3, 0x5d, 0x2c, 0, 0, 0, 0, 255]);
    }

    #[test]
    fn units_of_another_size_are_named_not_drawn() {
        let body = section(grid(2, 2, vec![vec![1.0; 3], vec![1.0; 4]]))
            .unwrap()
            .body;
        assert!(body.contains("1 units have not 2 × 2 weights") && body.contains("1 of 1 units"));
        let body = section(grid(0, 9, vec![vec![1.0]])).unwrap().body;
        assert!(!body.contains("<img"));
        assert!(section(grid(usize::MAX, 2, vec![])).is_none());
        let body = section(grid(1025, 1024, vec![vec![0.5; 1025 * 1024]]))
            .unwrap()
            .body;
        assert!(body.contains("too many weights") && !body.contains("<img"));
    }
}
