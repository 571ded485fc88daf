//! PDUs on a stream (PS3.8 section 9.3): control PDUs are read whole within a limit, P-DATA-TF is passed on piece by
//! piece and never held. dicom-ul encodes and decodes the association PDUs.

use dicom_ul::pdu::{AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRQ, Pdu};
use dicom_ul::pdu::{MAXIMUM_PDU_SIZE, read_pdu, write_pdu};
use wire::Stream;

use crate::Error;
use crate::reason::{AbortCause, Rejection};
use crate::repair::complete_refused_contexts;

/// A-ASSOCIATE PDUs of 128 contexts with every transfer syntax stay far below this.
const MAX_CONTROL_PDU: u32 = 1024 * 1024;

/// Far above what we advertise: some peers ignore it, and streaming costs no memory.
const MAX_DATA_PDU: u32 = 16 * 1024 * 1024;

/// PDU header 6, presentation data value header 6 (PS3.8 tables 9-22 and 9-23).
const FRAGMENT_HEADERS: usize = 12;

const P_DATA_TF: u8 = 0x04;

/// How records of TLS begin (RFC 8446 section 5.1), which no PDU does.
const TLS_ALERT: u8 = 0x15;
const TLS_HANDSHAKE: u8 = 0x16;
const TLS_MAJOR: u8 = 0x03;

/// Header of one presentation data value; its bytes follow through [`Channel::chunk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub context: u8,
    pub is_command: bool,
    pub is_last: bool,
}

pub(crate) enum Arrival {
    Fragment(Fragment),
    Request(AssociationRQ),
    Accept(AssociationAC),
    Reject(Rejection),
    ReleaseRequest,
    ReleaseReply,
}

impl Arrival {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fragment(_) => "P-DATA-TF",
            Self::Request(_) => "A-ASSOCIATE-RQ",
            Self::Accept(_) => "A-ASSOCIATE-AC",
            Self::Reject(_) => "A-ASSOCIATE-RJ",
            Self::ReleaseRequest => "A-RELEASE-RQ",
            Self::ReleaseReply => "A-RELEASE-RP",
        }
    }
}

pub(crate) struct Channel {
    pub stream: Stream,
    /// Bytes of the current P-DATA-TF PDU that are still to come, and of the current value in it.
    pdu_left: u32,
    value_left: u32,
    /// Payload of one fragment towards the peer, even.
    fragment_size: usize,
}

impl Channel {
    pub fn new(stream: Stream) -> Self {
        Self { stream, pdu_left: 0, value_left: 0, fragment_size: 0 }
    }

    /// Sets the length of the PDUs that we send, as it was negotiated.
    pub fn set_sent_pdu(&mut self, max_pdu: u32) {
        self.fragment_size = (max_pdu as usize).saturating_sub(6) & !1;
    }

    /// The next PDU, or the next value within a P-DATA-TF. What is left of the current value is skipped.
    pub fn next(&mut self) -> Result<Arrival, Error> {
        while self.chunk()?.is_some() {}
        if self.pdu_left > 0 {
            return self.fragment();
        }
        let [kind, second, length @ ..] = self.stream.array::<6>()?;
        if matches!(kind, TLS_ALERT | TLS_HANDSHAKE) && second == TLS_MAJOR {
            return Err(Error::SpeaksTls);
        }
        let length = u32::from_be_bytes(length);
        let limit = if kind == P_DATA_TF { MAX_DATA_PDU } else { MAX_CONTROL_PDU };
        if length > limit {
            return Err(Error::PduTooLong { kind, length, limit });
        }
        if kind == P_DATA_TF {
            self.pdu_left = length;
            return self.fragment();
        }
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body)?;
        control(kind, body)
    }

    fn fragment(&mut self) -> Result<Arrival, Error> {
        if self.pdu_left < 6 {
            return Err(malformed("P-DATA-TF", "no room for the header of a presentation data value"));
        }
        let [l0, l1, l2, l3, context, control] = self.stream.array::<6>()?;
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        self.pdu_left -= 4;
        if length < 2 || length > self.pdu_left {
            let detail = format!("a presentation data value of {length} bytes in the {} left", self.pdu_left);
            return Err(malformed("P-DATA-TF", detail));
        }
        self.pdu_left -= length;
        self.value_left = length - 2;
        let (is_command, is_last) = (control & 1 != 0, control & 2 != 0);
        Ok(Arrival::Fragment(Fragment { context, is_command, is_last }))
    }

    /// The next bytes of the current value, or None at its end.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.value_left == 0 {
            return Ok(None);
        }
        let chunk = self.stream.chunk(self.value_left as usize)?;
        self.value_left -= chunk.len() as u32;
        Ok(Some(chunk))
    }

    /// Payload of one fragment towards the peer, in bytes.
    pub fn fragment_size(&self) -> usize {
        self.fragment_size
    }

    /// Appends `data` as the fragments of one command set or data set; it leaves with the next flush.
    pub fn put(&mut self, context: u8, is_command: bool, data: &[u8]) -> Result<(), Error> {
        let mut rest = data;
        loop {
            let (head, tail) = rest.split_at(rest.len().min(self.fragment_size));
            let fragment = Fragment { context, is_command, is_last: tail.is_empty() };
            self.put_fragment(fragment, head.len(), |output| {
                output.extend_from_slice(head);
                Ok(())
            })?;
            if tail.is_empty() {
                return Ok(());
            }
            rest = tail;
        }
    }

    /// Appends one fragment of exactly `length` bytes that `fill` appends to the output; if that fails, nothing of
    /// it is sent.
    pub fn put_fragment(
        &mut self,
        fragment: Fragment,
        length: usize,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let output = self.stream.output();
        let before = output.len();
        let value = length as u32 + 2;
        output.extend_from_slice(&[P_DATA_TF, 0]);
        output.extend_from_slice(&(value + 4).to_be_bytes());
        output.extend_from_slice(&value.to_be_bytes());
        let control = u8::from(fragment.is_command) | u8::from(fragment.is_last) << 1;
        output.extend_from_slice(&[fragment.context, control]);
        let filled = fill(output);
        debug_assert!(filled.is_err() || output.len() == before + FRAGMENT_HEADERS + length);
        if filled.is_err() {
            output.truncate(before);
        }
        filled.and_then(|()| Ok(self.stream.flush_if_full()?))
    }

    /// Sends a control PDU, and all that waits, in one write.
    pub fn send(&mut self, pdu: &Pdu) -> Result<(), Error> {
        write_pdu(self.stream.output(), pdu).map_err(|error| malformed("request of ours", chain(&error)))?;
        Ok(self.stream.flush()?)
    }

    /// Sends A-ASSOCIATE-RJ; by hand, because dicom-ul has no reserved codes.
    pub fn send_rejection(&mut self, rejection: Rejection) -> Result<(), Error> {
        let Rejection { result, source, reason } = rejection;
        self.stream.output().extend_from_slice(&[0x03, 0, 0, 0, 0, 4, 0, result, source, reason]);
        Ok(self.stream.flush()?)
    }

    /// Sends A-ABORT; `provider` gives the reason if it was the protocol that failed.
    pub fn send_abort(&mut self, provider: Option<AbortRQServiceProviderReason>) -> Result<(), Error> {
        let source = provider.map_or(AbortRQSource::ServiceUser, AbortRQSource::ServiceProvider);
        self.send(&Pdu::AbortRQ { source })
    }
}

/// Decodes a control PDU. The short ones by hand, so that reserved reason codes are shown and not refused.
fn control(kind: u8, body: Vec<u8>) -> Result<Arrival, Error> {
    match (kind, body.as_slice()) {
        (0x03, &[_, result, source, reason, ..]) => Ok(Arrival::Reject(Rejection { result, source, reason })),
        (0x05, _) => Ok(Arrival::ReleaseRequest),
        (0x06, _) => Ok(Arrival::ReleaseReply),
        (0x07, &[_, _, source, reason, ..]) => Err(Error::Aborted(AbortCause { source, reason })),
        (0x01, _) => associate(kind, body),
        (0x02, _) => associate(kind, complete_refused_contexts(body)),
        (0x03 | 0x07, _) => Err(malformed("A-ASSOCIATE-RJ or A-ABORT", "it is too short")),
        _ => Err(malformed("PDU", format!("type {kind:#04x} is unknown"))),
    }
}

fn associate(kind: u8, body: Vec<u8>) -> Result<Arrival, Error> {
    let mut pdu = vec![kind, 0];
    pdu.extend_from_slice(&(body.len() as u32).to_be_bytes());
    pdu.extend(body);
    match read_pdu(pdu.as_slice(), MAXIMUM_PDU_SIZE, true) {
        Ok(Some(Pdu::AssociationRQ(request))) => Ok(Arrival::Request(request)),
        Ok(Some(Pdu::AssociationAC(accept))) => Ok(Arrival::Accept(accept)),
        Ok(_) => Err(malformed("A-ASSOCIATE PDU", "an item is cut off")),
        Err(error) => Err(malformed("A-ASSOCIATE PDU", chain(&error))),
    }
}

fn malformed(what: &'static str, detail: impl Into<String>) -> Error {
    Error::Malformed { what, detail: detail.into() }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
