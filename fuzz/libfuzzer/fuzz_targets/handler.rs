#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synapsor_fuzz::handler(bytes);
});
