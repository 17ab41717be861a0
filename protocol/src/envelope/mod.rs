//! The envelope: one JSON object a frame, decoded without copying and encoded in one pass.

mod decode;
mod decoded;
mod encode;
mod fast_decode;
mod source_ref;
mod value_check;

pub use decoded::{Envelope, Malformed};
pub use encode::{encode, encode_into, write_head};
pub use source_ref::{SourceRef, source_ref_of};
