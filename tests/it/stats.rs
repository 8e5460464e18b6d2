//! Statistics: values from the literature, and what must hold for all values.

use harness::stats::{Interval, Pairs, holm, mcnemar_exact, median, newcombe_paired, wilson};
use proptest::prelude::*;

fn near(interval: Interval, low: f64, high: f64, tolerance: f64) {
    assert!(
        (interval.low - low).abs() < tolerance && (interval.high - high).abs() < tolerance,
        "{interval:?} is not {low} to {high}"
    );
}

#[test]
fn wilson_gives_the_values_of_newcombe_1998_table_1() {
    // R. G. Newcombe, Statistics in Medicine 17 (1998) 857–872, table I, method 3.
    near(wilson(81, 263).unwrap(), 0.2553, 0.3662, 5e-5);
    near(wilson(15, 148).unwrap(), 0.0624, 0.1605, 5e-5);
    near(wilson(0, 20).unwrap(), 0.0, 0.1611, 5e-5);
    near(wilson(1, 29).unwrap(), 0.0061, 0.1718, 5e-5);
    near(wilson(6, 6).unwrap(), 0.6097, 1.0, 5e-5);
    assert_eq!(wilson(0, 0), None);
}

#[test]
fn newcombe_and_mcnemar_give_published_values() {
    // M. W. Fagerland, S. Lydersen, P. Laake, "Statistical Analysis of Contingency Tables" (2017),
    // chapter 8: airway hyper-responsiveness before and after transplantation (Bentur et al. 2009).
    let bentur = Pairs { both: 1, only_a: 1, only_b: 7, neither: 12 };
    near(newcombe_paired(&bentur).unwrap(), -0.5069, -0.0256, 5e-5);
    assert!((mcnemar_exact(&bentur) - 0.0703).abs() < 5e-5);
    assert!((bentur.difference().unwrap() + 6.0 / 21.0).abs() < 1e-12);
    // Six pairs, all one way: the least p-value that six pairs can give.
    let all = Pairs { only_a: 6, ..Pairs::default() };
    assert!((mcnemar_exact(&all) - 0.03125).abs() < 1e-12);
    assert!((mcnemar_exact(&Pairs { both: 4, ..Pairs::default() }) - 1.0).abs() < 1e-12);
    assert_eq!(newcombe_paired(&Pairs::default()), None);
}

#[test]
fn median_intervals_use_the_tabled_ranks() {
    // Ranks as tabled for the sign test, for example in D. G. Altman et al., "Statistics with Confidence" (2000).
    for (n, rank) in [(6, 1), (8, 1), (9, 2), (12, 3), (17, 5), (20, 6), (30, 10), (50, 18), (100, 40)] {
        let values: Vec<f64> = (1..=n).map(f64::from).collect();
        let interval = median(&values).unwrap().interval.unwrap();
        near(interval, f64::from(rank), f64::from(n + 1 - rank), 1e-9);
    }
    assert_eq!(median(&[]), None);
    let few = median(&[3.0, 1.0, 2.0, 5.0, 4.0]).unwrap();
    assert_eq!((few.n, few.median, few.interval), (5, 3.0, None));
    assert!((median(&[4.0, 1.0]).unwrap().median - 2.5).abs() < 1e-12);
}

#[test]
fn holm_gives_the_values_of_r() {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
    }
}

proptest! {
    #[test]
    fn wilson_encloses_the_share_and_mirrors(n in 1_u64..2000, part in 0.0_f64..=1.0) {
        let k = (n as f64 * part).round() as u64;
        let interval = wilson(k, n).unwrap();
        let share = k as f64 / n as f64;
        prop_assert!(0.0 <= interval.low && interval.low <= share + 1e-12);
        prop_assert!(share <= interval.high + 1e-12 && interval.high <= 1.0);
        let mirror = wilson(n - k, n).unwrap();
        prop_assert!((interval.low + mirror.high - 1.0).abs() < 1e-9);
        let more = wilson(2 * k, 2 * n).unwrap();
        prop_assert!(more.high - more.low < interval.high - interval.low);
    }

    #[test]
    fn paired_differences_mirror(both in 0_u64..60, only_a in 0_u64..60, only_b in 0_u64..60, neither in 0_u64..60) {
        prop_assume!(both + only_a + only_b + neither > 0);
        let pairs = Pairs { both, only_a, only_b, neither };
        let swapped = Pairs { only_a: only_b, only_b: only_a, ..pairs };
        let (one, other) = (newcombe_paired(&pairs).unwrap(), newcombe_paired(&swapped).unwrap());
        let difference = pairs.difference().unwrap();
        prop_assert!(-1.0 <= one.low && one.low <= difference + 1e-12);
        prop_assert!(difference <= one.high + 1e-12 && one.high <= 1.0);
        prop_assert!((one.low + other.high).abs() < 1e-9 && (one.high + other.low).abs() < 1e-9);
        let p = mcnemar_exact(&pairs);
        prop_assert!(p > 0.0 && p <= 1.0);
        prop_assert!((p - mcnemar_exact(&swapped)).abs() < 1e-12);
    }

    #[test]
    fn medians_lie_in_their_intervals(values in prop::collection::vec(-1e6_f64..1e6, 1..200)) {
        let found = median(&values).unwrap();
        let below = values.iter().filter(|value| **value < found.median).count();
        let above = values.iter().filter(|value| **value > found.median).count();
        prop_assert!(below <= values.len() / 2 && above <= values.len() / 2);
        prop_assert_eq!(found.interval.is_some(), values.len() >= 6);
        if let Some(interval) = found.interval {
            prop_assert!(interval.low <= found.median && found.median <= interval.high);
        }
    }

    #[test]
    fn holm_only_raises_and_keeps_order(values in prop::collection::vec(0.0_f64..=1.0, 0..20)) {
        let adjusted = holm(&values);
        for (index, value) in values.iter().enumerate() {
            prop_assert!(adjusted[index] >= *value && adjusted[index] <= 1.0);
            for (other, larger) in values.iter().enumerate() {
                prop_assert!(larger < value || adjusted[other] >= adjusted[index]);
            }
        }
    }
}
