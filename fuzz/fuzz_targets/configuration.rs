#![no_main]

// No module of the library, which a test without the service includes.
#[path = "../src/service.rs"]
mod service;

libfuzzer_sys::fuzz_target!(|text: &str| service::configuration(text));
