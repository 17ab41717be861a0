//! QR codes as PNG images.
//!
//! totp-rs can render them, too (feature `qr`), with the same border and 8 pixels per module
//! instead of 6. But with this feature it depends on qrcodegen-image and image, which depend on
//! moxcms and pxfm (colour profiles), and it writes 8 bits per pixel instead of one. The image of
//! a typical URI then takes 5,168 bytes of base64 in the ack instead of 1,488.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcodegen::{QrCode, QrCodeEcc};

/// The error of a secret that cannot be shown as a URI or a QR code.
#[derive(Debug, thiserror::Error)]
#[error("making a URI or QR code of a secret failed: {0}")]
pub struct QrCodeError(pub(super) String);

/// Returns the QR code of a text, as a data URI with a black and white PNG.
pub(super) fn qr_code_data_uri(text: &str) -> Result<String, QrCodeError> {
    let failed = |error: &dyn std::fmt::Display| QrCodeError(error.to_string());
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|error| failed(&error))?;
    let side = (code.size() + 2 * BORDER) * DOTS;
    // One bit per pixel, 1 is white; a row fills whole bytes.
    let byte = |left: i32, y: i32| {
        (left..left + 8).fold(0_u8, |byte, x| byte << 1 | u8::from(!is_black(&code, x, y)))
    };
    let rows = (0..side).flat_map(|y| (0..side).step_by(8).map(move |left| (left, y)));
    let bits: Vec<_> = rows.map(|(left, y)| byte(left, y)).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
    writer.write_image_data(&bits).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
}

/// Whether a pixel of the image is black.
fn is_black(code: &QrCode, x: i32, y: i32) -> bool {
    code.get_module(x.div_euclid(DOTS) - BORDER, y.div_euclid(DOTS) - BORDER)
}

/// Pixels per module of the code, in each direction.
pub(super) const DOTS: i32 = 6;

/// Empty modules around the code; ISO 18004 requires four.
pub(super) const BORDER: i32 = 4;
