//! Figures in columns.

/// A table whose first column names the rows.
pub struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Prints the head.
    pub fn begin(title: &str, columns: &[&str]) -> Table {
        println!("\n{title}\n");
        let widths = columns.iter().map(|column| column.len().max(9)).collect();
        let table = Table { widths };
        table.row(&columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>());
        table
    }

    pub fn row(&self, cells: &[String]) {
        let cells = cells.iter().zip(&self.widths).enumerate();
        let padded =
            cells.map(|(i, (cell, width))| if i == 0 { format!("{cell:24}") } else { format!("{cell:>width$}") });
        println!("{}", padded.collect::<Vec<_>>().join("  "));
    }
}

/// The middle one; zero of none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}
