//! Copies that share one drive take turns, volume by volume.

/// Where a copy stands when a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether nothing more is to be done for it in this run.
    pub over: bool,
    /// Whether it has a volume that is not sealed, which is in the drive or must be put there.
    pub has_volume: bool,
    /// The first segment in the spool that it lacks.
    pub first_waiting: Option<u64>,
}

/// Whose turn it is, by place in the list: who has a volume open goes on with it; else who lags behind the most goes
/// first. None when all is over.
pub fn next(standings: &[Standing]) -> Option<usize> {
    let rank = |standing: &Standing| (!standing.has_volume, standing.first_waiting.unwrap_or(u64::MAX));
    let open = standings.iter().enumerate().filter(|(_, standing)| !standing.over);
    open.min_by_key(|(_, standing)| rank(standing)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Standing = Standing { over: false, has_volume: false, first_waiting: None };

    fn waiting(first: u64) -> Standing {
        Standing { first_waiting: Some(first), ..IDLE }
    }

    #[test]
    fn a_volume_that_is_open_is_gone_on_with() {
        let open = Standing { has_volume: true, ..IDLE };
        assert_eq!(next(&[waiting(1), open]), Some(1));
        assert_eq!(next(&[Standing { over: true, ..open }, waiting(7)]), Some(1));
    }

    #[test]
    fn who_lags_behind_goes_first() {
        assert_eq!(next(&[waiting(1), waiting(1)]), Some(0));
        assert_eq!(next(&[waiting(11), waiting(1)]), Some(1));
        assert_eq!(next(&[IDLE, waiting(30)]), Some(1));
        assert_eq!(next(&[IDLE, IDLE]), Some(0));
    }

    #[test]
    fn when_all_is_over_nobody_goes() {
        let over = Standing { over: true, ..waiting(1) };
        assert_eq!(next(&[over, over]), None);
    }
}
