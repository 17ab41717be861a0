//! Tests of subscriptions: pushed rows, and conflation for slow clients.

mod conflation;
mod pushes;
