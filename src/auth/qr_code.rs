//! QR codes as PNG images.
//!
//! totp-rs can draw them, too (feature `qr`), with the same border and 8 dots for one of the code
//! instead of 6. But it draws by way of qrcodegen-image and image, which bring moxcms and pxfm
//! (colour profiles), and writes 8 bits a dot instead of one: the picture of a usual link takes
//! 5,168 bytes of base64 in the ack instead of 1,488.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcodegen::{QrCode, QrCodeEcc};
/// The secret cannot be shown as a link or picture.
#[derive(Debug, thiserror::Error)]
#[error("a secret cannot be shown: {0}")]
pub struct QrCodeError(pub(super) String);

/// A text as a QR code: a data URI with a PNG in black and white.
pub(super) fn qr_code_data_uri(text: &str) -> Result<String, QrCodeError> {
    let failed = |error: &dyn std::fmt::Display| QrCodeError(error.to_string());
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|error| failed(&error))?;
    let side = (code.size() + 2 * BORDER) * DOTS;
    // One bit a dot, white is 1; a row fills whole bytes.
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

/// Whether a dot of the picture is black.
fn is_black(code: &QrCode, x: i32, y: i32) -> bool {
    code.get_module(x.div_euclid(DOTS) - BORDER, y.div_euclid(DOTS) - BORDER)
}

/// Dots of the picture for one of the code, and empty ones of the code around it (ISO 18004 asks
/// for four).
pub(super) const DOTS: i32 = 6;

pub(super) const BORDER: i32 = 4;
