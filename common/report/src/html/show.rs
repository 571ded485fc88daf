//! What the templates call to print a value.

#![allow(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "askama passes every argument by reference"
)]

pub use crate::human::{allowance, date, text};

use catalogue::ChangeClass;

use crate::human;
use crate::model::{Equation, Figure, class_word};

/// Tables of the model show at most this many rows; the JSON has them all.
const MOST_ROWS: usize = 500;

/// See [`human::count`].
pub fn count(number: &u64) -> String {
    human::count(*number)
}

/// A count, or a dash where none is known.
pub fn maybe_count(number: &Option<u64>) -> String {
    number.map_or_else(|| "–".to_owned(), human::count)
}

/// See [`human::plural`].
pub fn plural(number: &u64, noun: &str) -> String {
    human::plural(*number, noun)
}

/// See [`class_word`].
pub fn class(class: &ChangeClass) -> &'static str {
    class_word(*class)
}

/// See [`human::bytes`].
pub fn bytes(number: &u64) -> String {
    human::bytes(*number)
}

/// See [`human::duration`].
pub fn seconds(number: &u64) -> String {
    human::duration(*number)
}

/// A median in milliseconds, or a dash.
pub fn median(figure: &Option<Figure>) -> String {
    milliseconds(figure.filter(|figure| figure.answered > 0).map(|figure| figure.median_ms))
}

/// What 95 % took no longer than, or a dash.
pub fn most(figure: &Option<Figure>) -> String {
    milliseconds(figure.filter(|figure| figure.answered > 0).map(|figure| figure.p95_ms))
}

/// Bytes a second, where objects were moved.
pub fn rate(figure: &Option<Figure>) -> String {
    let rate = figure.and_then(|figure| figure.bytes_per_second);
    rate.map(|rate| human::byte_rate(rate as f64)).unwrap_or_default()
}

fn milliseconds(number: Option<f64>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.1} ms"))
}

/// How far a broken equation is off, in words.
pub fn imbalance(equation: &Equation) -> String {
    let (listed, accounted) = (u128::from(equation.listed), equation.accounted());
    let off = human::count(u64::try_from(listed.abs_diff(accounted)).unwrap_or(u64::MAX));
    let word = if accounted < listed { "unaccounted for" } else { "too many" };
    format!("does not hold: {off} {word}")
}

/// The first rows of a table that may be long.
pub fn first<T>(rows: &[T]) -> &[T] {
    rows.get(..MOST_ROWS).unwrap_or(rows)
}

/// How many rows [`first`] leaves out, if any.
pub fn beyond<T>(rows: &[T]) -> Option<u64> {
    rows.len().checked_sub(MOST_ROWS).filter(|more| *more > 0).map(|more| more as u64)
}
