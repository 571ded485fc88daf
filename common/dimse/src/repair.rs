//! Makes an A-ASSOCIATE-AC readable that is correct but unusual: in a refused presentation context the transfer syntax
//! "shall not be tested" (PS3.8 section 9.3.3.2), some peers leave it out, and dicom-ul insists on it.

/// Protocol version, AE titles and reserved bytes before the variable items (PS3.8 table 9-17).
const FIXED_FIELDS: usize = 68;

const PRESENTATION_CONTEXT: u8 = 0x21;
const TRANSFER_SYNTAX: u8 = 0x40;
const LAST_RESULT: u8 = 4;
const NO_REASON: u8 = 2;

/// Gives every refused context an empty transfer syntax and a result that the standard knows. A body whose
/// items do not fit is returned as it is: the decoder reports it.
pub(crate) fn complete_refused_contexts(body: Vec<u8>) -> Vec<u8> {
    rebuild(&body).unwrap_or(body)
}

fn rebuild(body: &[u8]) -> Option<Vec<u8>> {
    let (fixed, mut rest) = body.split_at_checked(FIXED_FIELDS)?;
    let mut out = fixed.to_vec();
    while let Some((&[kind, reserved, l0, l1], after)) = rest.split_first_chunk::<4>() {
        let (value, next) = after.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        match (kind, value) {
            (PRESENTATION_CONTEXT, &[id, _, result, ..]) if result != 0 => {
                let result = if result > LAST_RESULT { NO_REASON } else { result };
                out.extend_from_slice(&[kind, 0, 0, 8, id, 0, result, 0, TRANSFER_SYNTAX, 0, 0, 0]);
            }
            _ => {
                out.extend_from_slice(&[kind, reserved, l0, l1]);
                out.extend_from_slice(value);
            }
        }
        rest = next;
    }
    rest.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(items: &[u8]) -> Vec<u8> {
        [&[0u8; FIXED_FIELDS][..], items].concat()
    }

    #[test]
    fn completes_refused_and_keeps_accepted() {
        let accepted = [0x21, 0, 0, 9, 1, 0, 0, 0, 0x40, 0, 0, 1, b'1'];
        let refused = [0x21, 0, 0, 4, 3, 0, 9, 0];
        let completed = [0x21, 0, 0, 8, 3, 0, 2, 0, 0x40, 0, 0, 0];
        let input = body(&[&accepted[..], &refused].concat());
        assert_eq!(complete_refused_contexts(input), body(&[&accepted[..], &completed].concat()));
    }

    #[test]
    fn leaves_what_does_not_fit() {
        let cut = body(&[0x21, 0, 0, 200, 1]);
        assert_eq!(complete_refused_contexts(cut.clone()), cut);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            complete_refused_contexts(bytes);
        }
    }
}
