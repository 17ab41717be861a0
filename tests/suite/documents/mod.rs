//! Tests of the documents: links, commands and configurations as readers paste them.

mod commands;
mod links;
mod pages;
mod reverse_proxies;
mod samples;
