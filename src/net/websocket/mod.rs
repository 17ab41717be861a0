//! WebSocket connections: frames, state, timers and close.

pub mod byte_stream;
pub mod close;
pub mod close_reason;
pub mod connection;
pub mod connection_state;
pub mod direct_write;
pub mod frame_reader;
pub mod frame_stream;
pub mod session_binding;
pub mod timer;
pub mod timing_batch;
