//! Keys, payloads and signatures against those of another implementation.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Made by another implementation (Node's `crypto`) from the seed 1, 2, …, 32.
const ID: &str = "65b60673d6ed884bf01c2c222d82ada0740f29ac3355d6a925c81f17f47a27b8";
const PUBLIC_KEY: &str = "ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ";
const SIGNATURES: [&str; 3] = [
    "1_aj11rd8An7PyPo2GtULAEYqHhEcuRZUHyD6u_Z3CXrVzfOGYv3pD13BbVMw1CUKBWh285EJiMFD3_iRxd-Dg",
    "0kRYM5LRNNrigpi9M8YpuXgPwgDtkcySV750AUOLkQKeCD7gAjdgzIaWkzDCJK7z-X0DbvcVLIwSLQulMSH1BA",
    "LQPOTJHCglwXD8fd-dTc3_xbDS9Izs79TqPhiC72Yx7RmaQJz1olm32MrASXd_PhEjuULk-h3__2NJKZwWd7Ag",
];

fn seed() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at + 1).unwrap())
}

fn scopes() -> Vec<String> {
    ["operator.admin", "operator.read"].map(str::to_owned).to_vec()
}

fn texts() -> [String; 3] {
    let scopes = scopes();
    let payload = Payload {
        device_id: ID,
        client_id: "cli",
        client_mode: "cli",
        role: "operator",
        scopes: &scopes,
        signed_at_ms: 1_700_000_000_000,
        token: "tok",
        platform: " Linux ",
        device_family: "VM",
    };
    [payload.v1(), payload.v2("nonce-1"), payload.v3("nonce-1")]
}

#[test]
fn payloads_and_signatures_are_those_of_another_implementation() {
    let key = DeviceKey::from_seed(&seed());
    let public = PublicKey::parse(PUBLIC_KEY).unwrap();

    assert_eq!((key.device_id(), key.public_key()), (ID.to_owned(), PUBLIC_KEY.to_owned()));
    assert_eq!((&*public.id, &*public.text()), (ID, PUBLIC_KEY));
    assert_eq!(
        texts()[2],
        format!(
            "v3|{ID}|cli|cli|operator|operator.admin,operator.read|1700000000000|tok|nonce-1|linux|vm"
        )
    );
    for (text, signature) in texts().iter().zip(SIGNATURES) {
        assert_eq!(key.sign(text), signature, "{text}");
        assert!(public.verifies(text, signature), "{text}");
    }
    assert!(!public.verifies(&texts()[0], SIGNATURES[1]));
}

#[test]
fn keys_are_kept_in_the_form_that_others_read() {
    let key = DeviceKey::from_seed(&seed());

    let private = key.to_pem().unwrap();
    let public = key.public_pem().unwrap();

    let body = "MC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
    assert_eq!(private.lines().nth(1), Some(body));
    assert!(public.contains("MCowBQYDK2VwAyEAebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="));
    assert_eq!(DeviceKey::from_pem(&private).unwrap().device_id(), ID);
    assert_eq!(PublicKey::parse(&public).unwrap().id, ID);
    assert!(DeviceKey::from_pem("no key").is_err());
}

#[test]
fn the_recorded_device_of_version_3_verifies_in_the_second_form() {
    let connect: Connect = serde_json::from_value(json!({
        "minProtocol": 3, "maxProtocol": 3,
        "client": {"id": "cli", "version": "1.0.0", "platform": "linux", "mode": "cli"},
        "role": "operator",
        "scopes": ["operator.admin", "operator.read", "operator.write", "operator.approvals",
            "operator.pairing"],
        "auth": {"token": "fake-token-2"},
        "device": {
            "id": "605fa90741e923228d49fb16ad9854e74354ea10ff01c67cb15e9af4c860815c",
            "publicKey": "RdtQtkrRRaC7D3vR4FIRM9G8R4R-0ORsEX-TWQ9xy_0",
            "signature": "qbgkPJQ2DUOv7fgPICZbONQgY-eGLMvLh3_C1441HMuaO81qOHt_3OLAM8pKnRQAZvZEPhYKwK_a-XN4VWwLBA",
            "signedAt": 1_795_359_463_566_u64,
            "nonce": "c9c6f4b4-51ed-46bd-b324-6036850608ea",
        },
    }))
    .unwrap();
    let device = connect.device.as_ref().unwrap();
    let nonce = device.nonce.as_deref().unwrap();
    let key = PublicKey::parse(&device.public_key).unwrap();

    let text = payload(&connect, device, ("cli", "cli")).v2(nonce);

    assert_eq!(key.id, device.id);
    assert!(key.verifies(&text, &device.signature));
}

#[test]
fn what_is_no_key_and_what_is_no_signature_is_refused() {
    let public = PublicKey::parse(PUBLIC_KEY).unwrap();

    for text in ["", "short", "!!!!", &"A".repeat(4000)] {
        assert!(PublicKey::parse(text).is_err(), "{text}");
        assert!(!public.verifies("x", text), "{text}");
    }
    // The neutral element signs everything in lenient implementations.
    let weak = PublicKey::parse("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let zero = URL_SAFE_NO_PAD.encode([&[1_u8][..], &[0; 63]].concat());
    assert!(weak.is_err() || !weak.unwrap().verifies("x", &zero));
}

proptest! {
    #[test]
    fn a_signature_holds_for_its_text_and_its_key_alone(
        seed in any::<[u8; 32]>(), other in any::<[u8; 32]>(), text in ".{0,60}", more in ".{1,5}",
    ) {
        let key = DeviceKey::from_seed(&seed);
        let public = PublicKey::parse(&key.public_key()).unwrap();
        let signature = key.sign(&text);

        prop_assert!(public.verifies(&text, &signature));
        let longer = format!("{text}{more}");
        prop_assert!(!public.verifies(&longer, &signature));
        if other != seed {
            let stranger = PublicKey::parse(&DeviceKey::from_seed(&other).public_key()).unwrap();
            prop_assert!(!stranger.verifies(&text, &signature));
        }
    }

    #[test]
    fn the_fields_of_a_payload_stay_in_their_places(
        token in "[^|]{0,20}", nonce in "[^|]{0,20}", platform in "[a-z]{0,8}",
    ) {
        let scopes = scopes();
        let payload = Payload { device_id: "d", client_id: "c", client_mode: "m", role: "r",
            scopes: &scopes, signed_at_ms: 7, token: &token, platform: &platform,
            device_family: "" };

        let text = payload.v3(&nonce);
        let fields: Vec<&str> = text.split('|').collect();

        prop_assert_eq!(fields, ["v3", "d", "c", "m", "r", "operator.admin,operator.read", "7",
            &*token, &*nonce, &*platform, ""]);
    }
}
