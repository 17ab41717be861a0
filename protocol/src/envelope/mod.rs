//! The envelope: one JSON object per frame, decoded without copying, encoded in one pass.

mod decode;
mod decoded;
mod encode;
mod fast_decode;
mod owned;
mod source_ref;
mod value_check;

pub use decoded::{Envelope, Malformed};
pub use encode::{EncodeError, encode, encode_into, encode_nack, encode_value, write_head};
pub use owned::OwnedEnvelope;
pub use source_ref::{SourceRef, source_ref_of};
