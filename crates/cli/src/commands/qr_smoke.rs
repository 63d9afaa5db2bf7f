//! `qr-smoke`: draws a small QR code, to see that this terminal, or this image, can.
//!
//! The code's fixed parts are checked before it is drawn: a renderer that draws anything is not
//! enough, a phone must find the corners.

use fast_qr::{QRBuilder, QRCode};

use crate::{
    error::{Failure, Kind},
    ui,
};

/// Modules on a side of a corner's mark.
const CORNER: usize = 7;

/// Draw a small QR code
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the code says
    #[arg(default_value = "qr-smoke")]
    text: String,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let code = QRBuilder::new(args.text.as_str())
        .build()
        .map_err(|error| Failure::new(Kind::Usage, format!("no QR code: {error:?}")))?;
    if !has_corners(&code) || !has_timing(&code) {
        return Err(Failure::new(Kind::Failed, "the QR code has wrong corners"));
    }
    ui::answer(ui::Page::prose(&code.to_str()));
    Ok(())
}

/// Whether three corners have their squares in squares.
fn has_corners(code: &QRCode) -> bool {
    let far = code.size - CORNER;
    [(0, 0), (0, far), (far, 0)].iter().all(|(top, left)| {
        (0..CORNER).all(|row| {
            (0..CORNER).all(|column| {
                let edge = row.min(column).min(CORNER - 1 - row).min(CORNER - 1 - column);
                code[top + row][left + column].value() == (edge != 1)
            })
        })
    })
}

/// Whether the rows between the corners alternate.
fn has_timing(code: &QRCode) -> bool {
    (CORNER + 1..code.size - CORNER - 1).all(|at| {
        let is_dark = at % 2 == 0;
        code[CORNER - 1][at].value() == is_dark && code[at][CORNER - 1].value() == is_dark
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_have_their_fixed_parts() {
        for length in [1, 8, 60, 400] {
            let code = QRBuilder::new("x".repeat(length)).build().unwrap();

            assert!(has_corners(&code), "{length}");
            assert!(has_timing(&code), "{length}");
        }
    }

    #[test]
    fn a_code_with_a_broken_corner_is_found() {
        let mut code = QRBuilder::new("qr-smoke").build().unwrap();
        let size = code.size;
        code[0][size - 1].toggle();

        assert!(!has_corners(&code));
    }
}
