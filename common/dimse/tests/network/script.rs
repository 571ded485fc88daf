//! Scripted peers on raw sockets, for what no real server does.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, Pdu, PresentationContextResult, PresentationContextResultReason,
    UserVariableItem, read_pdu, write_pdu,
};
use dimse::Node;

use crate::servers::{PATIENCE, local};

pub const COMMAND: u8 = 1;
pub const LAST: u8 = 2;

/// The far end of a connection.
pub struct Peer(pub TcpStream);

/// A peer that plays `script` for the first connection; join it to see whether the script held.
pub fn peer(script: impl FnOnce(&mut Peer) + Send + 'static) -> (Node, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = local("PEER", listener.local_addr().unwrap().port());
    let thread = thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        script(&mut Peer::new(tcp));
    });
    (node, thread)
}

impl Peer {
    pub fn new(tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(tcp)
    }

    /// Sends bytes; a closed connection is no failure here, the other side may have enough already.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Type and body of the next PDU; None at the end of the connection.
    pub fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 6];
        self.0.read_exact(&mut header).ok()?;
        let mut body = vec![0; u32::from_be_bytes(header[2..].try_into().unwrap()) as usize];
        self.0.read_exact(&mut body).ok()?;
        Some((header[0], body))
    }

    /// Reads on until A-ABORT and gives its source and reason.
    pub fn expect_abort(&mut self) -> (u8, u8) {
        loop {
            let (kind, body) = self.read().expect("an A-ABORT before the end of the connection");
            if kind == 7 {
                return (body[2], body[3]);
            }
        }
    }

    pub fn read_request(&mut self) -> AssociationRQ {
        let (kind, body) = self.read().unwrap();
        Self::request(kind, body)
    }

    fn request(kind: u8, body: Vec<u8>) -> AssociationRQ {
        let mut pdu = vec![kind, 0];
        pdu.extend((body.len() as u32).to_be_bytes());
        pdu.extend(body);
        match read_pdu(pdu.as_slice(), 1 << 20, true).unwrap().unwrap() {
            Pdu::AssociationRQ(request) => request,
            other => panic!("{other:?} instead of a request"),
        }
    }

    /// Accepts everything as it was proposed.
    pub fn accept(&mut self) {
        self.accept_with(Vec::new());
    }

    /// The same, with more items about the user; gives the request's bytes.
    pub fn accept_with(&mut self, items: Vec<UserVariableItem>) -> Vec<u8> {
        let (kind, body) = self.read().unwrap();
        let bytes_of_request = body.clone();
        let request = Self::request(kind, body);
        let results = request.presentation_contexts.into_iter().map(|context| PresentationContextResult {
            id: context.id,
            reason: PresentationContextResultReason::Acceptance,
            transfer_syntax: context.transfer_syntaxes[0].clone(),
        });
        let accept = AssociationAC {
            protocol_version: 1,
            calling_ae_title: request.calling_ae_title,
            called_ae_title: request.called_ae_title,
            application_context_name: request.application_context_name,
            presentation_contexts: results.collect(),
            user_variables: request.user_variables.into_iter().chain(items).collect(),
        };
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, &accept.into()).unwrap();
        self.send(&bytes);
        bytes_of_request
    }

    /// Accepts the association and reads the first request with its small data set; gives its message id.
    pub fn accept_query(&mut self) -> u16 {
        self.accept();
        let (_, command) = self.read().unwrap();
        let _data_set = self.read().unwrap();
        let set = dataset::read_flat(&command[6..], dataset::Encoding::ImplicitLe).unwrap();
        set.u16(dataset::Tag(0, 0x0110)).unwrap()
    }

    /// One P-DATA-TF with one value.
    pub fn value(&mut self, context: u8, control: u8, data: &[u8]) {
        let length = data.len() as u32 + 2;
        let mut pdu = vec![4, 0];
        pdu.extend((length + 4).to_be_bytes());
        pdu.extend(length.to_be_bytes());
        pdu.extend([context, control]);
        pdu.extend(data);
        self.send(&pdu);
    }

    /// Closes our half and waits for the other side's end.
    pub fn finish(&mut self) {
        let _ = self.0.shutdown(Shutdown::Write);
        while self.read().is_some() {}
    }
}

/// Elements of group 0000 in Implicit VR Little Endian.
pub fn command_set(elements: &[(u16, &[u8])]) -> Vec<u8> {
    elements.iter().flat_map(|(element, value)| implicit(0, *element, value)).collect()
}

pub fn implicit(group: u16, element: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(group.to_le_bytes());
    out.extend(element.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
    out
}

/// A response command set: field, message id, whether a data set follows, status.
pub fn response(field: u16, id: u16, has_data_set: bool, status: u16) -> Vec<u8> {
    let data_set: u16 = if has_data_set { 1 } else { 0x0101 };
    command_set(&[
        (0x0100, &(0x8000 | field).to_le_bytes()),
        (0x0120, &id.to_le_bytes()),
        (0x0800, &data_set.to_le_bytes()),
        (0x0900, &status.to_le_bytes()),
    ])
}

/// A C-STORE request command set.
pub fn store_request(has_data_set: bool) -> Vec<u8> {
    let data_set: u16 = if has_data_set { 1 } else { 0x0101 };
    command_set(&[
        (0x0002, b"1.2.840.10008.5.1.4.1.1.2\0"),
        (0x0100, &1_u16.to_le_bytes()),
        (0x0110, &1_u16.to_le_bytes()),
        (0x0800, &data_set.to_le_bytes()),
        (0x1000, b"1.2.3\0"),
    ])
}
