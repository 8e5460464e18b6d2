//! Many tests at once.

/// P-values adjusted so that the probability of any false alarm among all the tests stays below the level.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
/// Statistics 6 (1979) 65–70: the i-th least of m values is multiplied by m - i + 1, never below its
/// predecessor, at most 1.
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut adjusted = vec![0.0; values.len()];
    let mut floor = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        floor = floor.max(values[index] * (values.len() - rank) as f64).min(1.0);
        adjusted[index] = floor;
    }
    adjusted
}
