//! Subscriptions: rows that are pushed, and rows that wait for a slow client.

mod conflation;
mod pushes;
