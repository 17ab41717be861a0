//! WebSocket connections: frames, state, timers and close.

mod byte_stream;
mod close;
mod close_reason;
pub mod connection;
mod connection_state;
mod direct_write;
mod frame_reader;
mod frame_stream;
mod request_queue;
mod session_binding;
mod timer;
mod timing_batch;

pub use close_reason::CloseReason;
pub use frame_stream::FrameStream;
