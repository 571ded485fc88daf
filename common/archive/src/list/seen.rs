//! Which studies a listing has seen.

/// The studies seen, a bit each: their numbers are dense.
#[derive(Default)]
pub struct Seen(Vec<u64>);

impl Seen {
    /// Whether it is new.
    pub fn insert(&mut self, study: u64) -> bool {
        let (word, bit) = ((study / 64) as usize, 1 << (study % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }
}
