//! Made-up studies, the same for the same numbers.

use clap::Args;

use crate::study::{Series, Study};

const ROOT: &str = "1.2.826.0.1.3680043.10.1511";
const MODALITIES: [&str; 6] = ["CT", "MR", "CR", "US", "DX", "MG"];
/// A patient has so many studies, on average.
const STUDIES_PER_PATIENT: u64 = 5;

/// How many studies, and how odd they are.
#[derive(Debug, Clone, Args)]
pub struct Population {
    /// How many studies
    #[arg(long, default_value_t = 100)]
    pub studies: u32,
    /// On how many consecutive days they lie
    #[arg(long, default_value_t = 365)]
    pub days: u32,
    /// Per cent of studies without Study Date; every second of these has no Study Time either
    #[arg(long, default_value_t = 0)]
    pub null_dates: u32,
    /// Per cent of studies with a date that no camera made: 19000101 or in the far future
    #[arg(long, default_value_t = 0)]
    pub odd_dates: u32,
    /// Per cent of studies whose time has a fraction, or minutes only
    #[arg(long, default_value_t = 0)]
    pub odd_times: u32,
    /// Per cent of studies without Patient ID, and as many without Accession Number
    #[arg(long, default_value_t = 0)]
    pub anonymous: u32,
    /// Per cent of studies without any image
    #[arg(long, default_value_t = 0)]
    pub without_images: u32,
    /// How many studies have no Study Instance UID
    #[arg(long, default_value_t = 0)]
    pub nameless: u32,
    /// Another number, other studies
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Default for Population {
    fn default() -> Self {
        Self {
            studies: 100,
            days: 365,
            null_dates: 0,
            odd_dates: 0,
            odd_times: 0,
            anonymous: 0,
            without_images: 0,
            nameless: 0,
            seed: 1,
        }
    }
}

impl Population {
    /// The studies.
    pub fn make(&self) -> Vec<Study> {
        let mut numbers = Numbers(self.seed);
        (1..=self.studies).map(|number| self.study(number, &mut numbers)).collect()
    }

    fn study(&self, number: u32, numbers: &mut Numbers) -> Study {
        let uid =
            if number <= self.nameless { String::new() } else { format!("{ROOT}.{}.{number}", self.seed) };
        let undated = numbers.per_cent(self.null_dates);
        let date = if undated { String::new() } else { self.date(numbers) };
        let time = if undated && number.is_multiple_of(2) { String::new() } else { self.time(numbers) };
        let patient = numbers.below(u64::from(self.studies) / STUDIES_PER_PATIENT + 1);
        let known = |anonymous: bool, text: String| if anonymous { String::new() } else { text };
        Study {
            date,
            time,
            accession: known(numbers.per_cent(self.anonymous), format!("A{number:07}")),
            patient_id: known(numbers.per_cent(self.anonymous), format!("P{patient:05}")),
            patient_name: format!("Nobody^Number {patient}"),
            series: self.series(&format!("{ROOT}.{}.{number}", self.seed), numbers),
            uid,
        }
    }

    fn date(&self, numbers: &mut Numbers) -> String {
        if numbers.per_cent(self.odd_dates) {
            return if numbers.below(2) == 0 { "19000101" } else { "20991231" }.to_owned();
        }
        // Months of 28 days, so that no calendar is needed.
        let day = numbers.below(u64::from(self.days.max(1)));
        format!("{}{:02}{:02}", 2010 + day / 336, day / 28 % 12 + 1, day % 28 + 1)
    }

    fn time(&self, numbers: &mut Numbers) -> String {
        let second = numbers.below(86_400);
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        if !numbers.per_cent(self.odd_times) {
            return format!("{h:02}{m:02}{s:02}");
        }
        match numbers.below(3) {
            0 => format!("{h:02}{m:02}"),
            1 => format!("{h:02}{m:02}{s:02}.{}", numbers.below(10)),
            _ => format!("{h:02}{m:02}{s:02}.{:06}", numbers.below(1_000_000)),
        }
    }

    fn series(&self, uid: &str, numbers: &mut Numbers) -> Vec<Series> {
        if numbers.per_cent(self.without_images) {
            return Vec::new();
        }
        let count = 1 + numbers.below(2);
        (1..=count)
            .map(|series| Series {
                uid: format!("{uid}.{series}"),
                modality: MODALITIES
                    .get(numbers.below(MODALITIES.len() as u64) as usize)
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
                instances: 1 + numbers.below(3) as u32,
            })
            .collect()
    }
}

/// Reproducible numbers (splitmix64).
pub(crate) struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn per_cent(&mut self, share: u32) -> bool {
        self.below(100) < u64::from(share)
    }
}
