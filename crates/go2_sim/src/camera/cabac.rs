//! Switches CABAC on in openh264's encoder, for which its crate has no setting.
#![allow(unsafe_code)] // the library's own settings are reached by its C interface only

use openh264::encoder::Encoder;
use openh264_sys2::{SEncParamExt, ENCODER_OPTION_SVC_ENCODE_PARAM_EXT};

/// Switches it on for all pictures to come. The encoder must have encoded a picture, by which the library's own encoder is
/// made; and its background detection must be on, which is switched off: only for such a change does the library begin
/// anew. False where the library refuses.
pub(super) fn switch_on(encoder: &mut Encoder) -> bool {
    let mut parameters = SEncParamExt::default();
    let target = &raw mut parameters;
    // SAFETY: The library's encoder exists, as the caller has encoded a picture; this option reads and writes exactly one
    // `SEncParamExt`, which lives longer than the calls.
    unsafe {
        let library = encoder.raw_api();
        if library.get_option(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, target.cast()) != 0 {
            return false;
        }
        (*target).iEntropyCodingModeFlag = 1;
        (*target).bEnableBackgroundDetection = false;
        library.set_option(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, target.cast()) == 0
    }
}
