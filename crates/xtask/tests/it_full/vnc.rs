//! As much of the VNC protocol (RFB 3.8) as it takes to sign in by password.

use std::{
    io::Write as _,
    net::TcpStream,
    process::{Command, Stdio},
};

use tokio_tungstenite::tungstenite::{Message, WebSocket};

const BY_PASSWORD: u8 = 2;

/// The bytes of a WebSocket's messages, as many at a time as one wants.
struct Bytes {
    socket: WebSocket<TcpStream>,
    unread: Vec<u8>,
}

impl Bytes {
    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            self.unread.extend(self.socket.read().unwrap().into_data());
        }
        self.unread.drain(..count).collect()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).unwrap();
    }
}

/// Whether the server lets one in by `password`. It must ask for one.
pub(crate) fn signs_in(socket: WebSocket<TcpStream>, password: &str) -> bool {
    let mut bytes = Bytes { socket, unread: Vec::new() };
    assert_eq!(bytes.take(12), b"RFB 003.008\n");
    bytes.send(b"RFB 003.008\n");
    let count = usize::from(bytes.take(1)[0]);
    assert_eq!(bytes.take(count), [BY_PASSWORD], "it must ask for the password");
    bytes.send(&[BY_PASSWORD]);
    let challenge = bytes.take(16);
    bytes.send(&answer(&challenge, password));
    bytes.take(4) == [0; 4]
}

/// The challenge under DES with the password as key, each byte of it with its bits turned round.
/// Three rounds of DES with one key are one.
fn answer(challenge: &[u8], password: &str) -> Vec<u8> {
    let turned = |at: usize| password.as_bytes().get(at % 8).map_or(0, |it| it.reverse_bits());
    let key = (0..24).fold(String::new(), |key, at| format!("{key}{:02x}", turned(at)));
    let mut openssl = Command::new("openssl")
        .args(["enc", "-des-ede3-ecb", "-nopad", "-K", &key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(challenge).unwrap();
    let output = openssl.wait_with_output().unwrap();
    assert_eq!(output.stdout.len(), challenge.len(), "openssl does not know DES");
    output.stdout
}
