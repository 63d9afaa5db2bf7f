//! The one TLS provider of the program, installed only by commands that may need TLS.

/// Makes TLS work in this process. Called again, it changes nothing.
pub(crate) fn install() {
    // An error only says that there is a provider already.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
}
