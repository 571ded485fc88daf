//! Operation codes (SPC-4, SSC-4, SMC-3).
#![allow(missing_docs)]

pub const TEST_UNIT_READY: u8 = 0x00;
pub const REWIND: u8 = 0x01;
pub const REQUEST_SENSE: u8 = 0x03;
pub const READ_BLOCK_LIMITS: u8 = 0x05;
pub const INITIALIZE_ELEMENT_STATUS: u8 = 0x07;
pub const READ: u8 = 0x08;
pub const WRITE: u8 = 0x0a;
pub const WRITE_FILEMARKS: u8 = 0x10;
pub const SPACE: u8 = 0x11;
pub const INQUIRY: u8 = 0x12;
pub const MODE_SELECT_6: u8 = 0x15;
pub const ERASE: u8 = 0x19;
pub const MODE_SENSE_6: u8 = 0x1a;
pub const LOAD_UNLOAD: u8 = 0x1b;
pub const PREVENT_ALLOW: u8 = 0x1e;
pub const LOCATE: u8 = 0x2b;
pub const READ_POSITION: u8 = 0x34;
pub const LOG_SENSE: u8 = 0x4d;
pub const MODE_SELECT_10: u8 = 0x55;
pub const MODE_SENSE_10: u8 = 0x5a;
pub const READ_ATTRIBUTE: u8 = 0x8c;
pub const WRITE_ATTRIBUTE: u8 = 0x8d;
pub const REPORT_LUNS: u8 = 0xa0;
pub const MOVE_MEDIUM: u8 = 0xa5;
pub const READ_ELEMENT_STATUS: u8 = 0xb8;
