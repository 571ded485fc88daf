//! Fetches a study by WADO-RS (PS3.18 section 10.4): as a whole where nothing of it is here yet, then instance by instance what
//! did not come. What is asked for is what is stored: `transfer-syntax=*`.

use std::collections::HashSet;
use std::io::Read;

use catalogue::InstanceId;
use catalogue::capture::PendingInstance;

use super::Web;
use super::address::segment;
use super::arrival::{Arrival, Refused};
use super::client::Ask;
use super::error::Error as WebError;
use super::exchange::{Answer, Stop};
use super::media_type::MediaType;
use super::multipart::Multipart;
use crate::error::Error;
use crate::source::{Intake, IntakeError, Retrieve, RetrieveEnd};

const DICOM: &str = "application/dicom";
const AS_STORED: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
/// How often a busy server is asked for the same.
const PATIENCE: u32 = 3;
/// Single instances asked for in vain, one after the other, until only one of as many is tried.
const MOST_IN_VAIN: usize = 32;
const COPY_BYTES: usize = 256 * 1024;

impl Web {
    pub(super) fn fetch(
        &self,
        request: Retrieve<'_>,
        intake: &dyn Intake,
        stop: Stop<'_>,
    ) -> Result<RetrieveEnd, Error> {
        let mut fetch =
            Fetch { web: self, intake, stop, arrived: HashSet::new(), end: RetrieveEnd::default() };
        match fetch.all(request) {
            Ok(()) | Err(Halt::NotNow | Halt::Web(WebError::Stopped)) => Ok(fetch.end),
            Err(Halt::Web(error @ WebError::Busy { .. })) => {
                fetch.note(error.to_string());
                Ok(RetrieveEnd { refused: true, exhausted: true, ..fetch.end })
            }
            Err(Halt::Web(error)) => Err(self.failed()(error)),
            Err(Halt::Intake(error)) => Err(Error::Taker(error.into())),
        }
    }
}

/// Why a retrieval goes no further.
enum Halt {
    Web(WebError),
    /// The intake takes nothing more at the moment.
    NotNow,
    Intake(IntakeError),
}

impl From<WebError> for Halt {
    fn from(error: WebError) -> Self {
        Self::Web(error)
    }
}

/// Writes the next bytes of an object to where it arrives, and says how many; none at its end.
type More<'m, 'a> = &'m mut dyn FnMut(&mut Arrival<'a>) -> Result<Option<Result<usize, Refused>>, WebError>;

struct Fetch<'a> {
    web: &'a Web,
    intake: &'a dyn Intake,
    stop: Stop<'a>,
    /// SOP Instance UIDs.
    arrived: HashSet<String>,
    end: RetrieveEnd,
}

impl<'a> Fetch<'a> {
    fn all(&mut self, request: Retrieve<'_>) -> Result<(), Halt> {
        let study = format!("/studies/{}", segment(request.study_uid));
        if request.whole {
            self.ask(&study, None)?;
        }
        let arrived =
            |fetch: &Self, instance: &PendingInstance| fetch.arrived.contains(&instance.sop_instance);
        let missing: Vec<_> = request.wanted.iter().filter(|instance| !arrived(self, instance)).collect();
        self.one_by_one(&study, &missing)
    }

    /// Asks for each instance. After many in vain only for one of as many, until one comes: then those that were passed over
    /// have their turn, too.
    fn one_by_one(&mut self, study: &str, missing: &[&PendingInstance]) -> Result<(), Halt> {
        let mut in_vain = 0;
        let mut passed_over = Vec::new();
        for (number, instance) in missing.iter().enumerate() {
            if in_vain >= MOST_IN_VAIN && number % MOST_IN_VAIN > 0 {
                passed_over.push(*instance);
            } else if self.ask_for(study, instance)? {
                in_vain = 0;
                for instance in passed_over.drain(..) {
                    self.ask_for(study, instance)?;
                }
            } else {
                in_vain += 1;
            }
        }
        Ok(())
    }

    fn ask_for(&mut self, study: &str, instance: &PendingInstance) -> Result<bool, Halt> {
        if (self.stop)() {
            return Err(Halt::NotNow);
        }
        let PendingInstance { series_uid, sop_instance, .. } = instance;
        let resource = format!("{study}/series/{}/instances/{}", segment(series_uid), segment(sop_instance));
        self.ask(&resource, Some(instance.id))
    }

    /// Gets a study, or one instance. Whether anything came; what came instead is noted.
    fn ask(&mut self, resource: &str, requested: Option<InstanceId>) -> Result<bool, Halt> {
        let ask = Ask { resource: resource.to_owned(), query: String::new(), accept: AS_STORED };
        let answer = self.get(&ask).map_err(Halt::Web);
        match answer.and_then(|answer| self.take(answer, &ask, requested)) {
            Err(Halt::Web(error)) if !error.is_of_connection() => {
                self.note(error.to_string());
                Ok(false)
            }
            other => other,
        }
    }

    /// The answer, after as many refusals as a busy server may give.
    fn get(&mut self, ask: &Ask) -> Result<Answer<'a>, WebError> {
        let (client, stop) = (&self.web.client, self.stop);
        for _ in 1..PATIENCE {
            match client.get(ask, stop) {
                Err(error @ WebError::Busy { .. }) => {
                    self.end.refused = true;
                    self.note(error.to_string());
                }
                other => return other,
            }
        }
        client.get(ask, stop)
    }

    fn take(&mut self, answer: Answer<'a>, ask: &Ask, requested: Option<InstanceId>) -> Result<bool, Halt> {
        let Answer { status, headers, mut body } = answer;
        let found = MediaType::of(&headers);
        let came = match found.name.as_str() {
            "multipart/related" => {
                let boundary = found.parameter("boundary").unwrap_or_default();
                self.take_parts(&mut Multipart::new(&mut body, boundary)?, requested)?
            }
            // One object may come without a wrapping; where its end is not told, it may have been cut.
            DICOM if body.has_an_end() => {
                let mut buffer = vec![0; COPY_BYTES];
                let mut arrival = Arrival::new(self.intake);
                let poured = self.pour(&mut arrival, &mut |arrival| {
                    let length = body.more(&mut buffer)?;
                    let bytes = buffer.get(..length).unwrap_or_default();
                    Ok((length > 0).then(|| arrival.write(bytes)))
                })?;
                self.settle(poured.and_then(|_| arrival.finish(requested)))?
            }
            _ if status == 204 => false,
            name => {
                let (resource, got) = (ask.resource.clone(), format!("media type {name:?}"));
                return Err(WebError::MediaType { resource, got, wanted: DICOM }.into());
            }
        };
        self.web.client.keep(body);
        Ok(came)
    }

    fn take_parts(
        &mut self,
        parts: &mut Multipart<impl Read>,
        requested: Option<InstanceId>,
    ) -> Result<bool, Halt> {
        let mut came = false;
        while let Some(head) = parts.next_part()? {
            let found = MediaType::parse(&head.content_type).name;
            if !found.is_empty() && found != DICOM {
                self.note(format!("a part of media type {found:?} came, which is no object"));
                continue;
            }
            let mut arrival = Arrival::new(self.intake);
            let poured =
                self.pour(&mut arrival, &mut |arrival| Ok(parts.chunk()?.map(|bytes| arrival.write(bytes))))?;
            let whole = poured.and_then(|bytes| match head.length {
                Some(claimed) if claimed != bytes => {
                    let why = format!("{bytes} bytes came, its Content-Length is {claimed}");
                    Err(Refused::NotAnObject(why))
                }
                _ => Ok(()),
            });
            came |= self.settle(whole.and_then(|()| arrival.finish(requested)))?;
        }
        Ok(came)
    }

    /// Has an object arrive, piece by piece; says how many bytes it had.
    fn pour(&self, arrival: &mut Arrival<'a>, more: More<'_, 'a>) -> Result<Result<u64, Refused>, Halt> {
        let mut bytes = 0;
        loop {
            if (self.stop)() {
                return Err(Halt::NotNow);
            }
            match more(arrival)? {
                None => return Ok(Ok(bytes)),
                Some(Ok(length)) => bytes += length as u64,
                Some(Err(refused)) => return Ok(Err(refused)),
            }
        }
    }

    /// What became of one object: whether it came.
    fn settle(&mut self, object: Result<Option<String>, Refused>) -> Result<bool, Halt> {
        match object {
            Ok(sop_instance) => {
                self.arrived.extend(sop_instance);
                Ok(true)
            }
            Err(Refused::NotAnObject(why)) => {
                self.note(format!("what came is not taken for an object: {why}"));
                Ok(false)
            }
            Err(Refused::Intake(IntakeError::Doubtful(why))) => {
                self.note(why);
                Ok(false)
            }
            Err(Refused::Intake(IntakeError::NotNow(_))) => Err(Halt::NotNow),
            Err(Refused::Intake(error)) => Err(Halt::Intake(error)),
        }
    }

    /// Keeps a remark; a server in trouble says the same thing thousands of times.
    fn note(&mut self, remark: String) {
        const MOST: usize = 10;
        if self.end.remarks.len() < MOST && !self.end.remarks.contains(&remark) {
            self.end.remarks.push(remark);
        }
    }
}
