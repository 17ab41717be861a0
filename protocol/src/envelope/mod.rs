//! The envelope: one JSON object a frame, decoded without copying and encoded in one pass.

mod decode;
mod fast_decode;

pub use decode::{Envelope, Malformed, SourceRef, encode, encode_into, head, source_ref_of};
