//! The vectors J1–J24, T72, and the request that J20 is.

use super::*;
use crate::base64::decode_url;
use core::net::{IpAddr, Ipv4Addr};

#[test]
fn rfc_7515_a_1_gives_the_mac_it_prints() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = Key::new("a", "HS256", secret, None).unwrap();
    let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
    let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let signed = format!("{}.{}", encode_url(header.as_bytes()), encode_url(claims.as_bytes()));
    let mac = encode_url(key.sign(signed.as_bytes()).unwrap().as_ref());
    assert_eq!(mac, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn t71_j1_to_j20_with_one_key() {
    let moved = |issued, expires| other(&[("1767225600", issued), ("1767226200", expires)]);
    let pb = other(&[("cdn.", "evil.")]);
    let (pc, pd) = (moved("1767218400", "1767219000"), moved("1767229200", "1767229800"));
    let pe = other(&[(DEVICE, "00000000-0000-4000-8000-000000000000")]);
    let pf = other(&[("r-0001", "r-0002")]);
    let pg = other(&[(r#""exp":1767226200,"#, "")]);
    let ph = other(&[("1767226200", "1767312000")]);
    let padded = format!("{J1}=");
    let vectors = [
        ("J1", HA, PA, J1, "valid"),
        ("J2", HA, PA, "dGP2yfEmrTnhIGJj8B_lZRT1NS5AFphMXKOqdLbjTcE", "bad signature"),
        ("J3", HA, &pb, J1, "bad signature"),
        ("J4", HA, &pc, "lwHbMAvbEUeqXUibJUoPgTbPGX0R9EdgEDNgAIbPtBw", "expired"),
        ("J5", HA, &pd, "DxuKTM2M9GKuyATTvwCPXFvm1Vd3Wtz5DFr80BGt9zE", "not valid yet"),
        ("J6", HB, PA, "", "algorithm not allowed"),
        ("J7", HC, PA, J1, "algorithm not allowed"),
        ("J8", HA, PA, "", "bad signature"),
        (
            "J9",
            HD,
            PA,
            "EXfLy-r123ZzC8LM2I7msz38DZrTt877x6yy4PmhkmC1A5zQnjE7UCyja1E9kGKVP5jcKu8OuRkC_7_pubEqSQ",
            "algorithm not allowed",
        ),
        ("J10", HE, PA, "XyUEacN0j4b8m0Ge3ZPPXbjBmo-0r9UT1bW9sH9yH40", "unknown key"),
        ("J11", HF, PA, "s09J9wOHaRPWaz-5-mxRP47mUGy0azra__DceESJPnQ", "malformed"),
        ("J12", HG, PA, "_FMXx7Cf4Z0Cb-LaYkRsW4WaPPhQmKTXeCy4tt1vB0M", "wrong type"),
        ("J13", HH, PA, "CMND17wCXwXW2CBx7auQjxAxNL5DOIxjf0mwONK1AzE", "malformed"),
        ("J14", HA, PA, "aNK0e3cD8FyoTIOO6-kTtAE2iDDUD4TtgjBlLZgPTXN", "malformed"),
        ("J15", HA, PA, &padded, "malformed"),
        ("J16", HA, &pe, "hCpVK_WkgFFR8OhGUaU0UoRYM6Sjq6LwNMrDl2Ql0cE", "not for this Mac"),
        ("J17", HA, &pf, "7KHmDmxgHMQW6j2gTCKQ9o5810d3UWDDckLd_CtLMMs", "not an answer to our request"),
        ("J18", HA, &pg, "rU5KK4tNWztqSsizlHPkgV-67kJDwFqENke19kagd2Y", "missing claim exp"),
        ("J19", HA, &ph, "uy3aAaDl3iBOwehr0gEEMbWoxAozSzKgJy01rDBFGc0", "lifetime too long"),
        ("J20", HK, PR, "GbivFrvhyMcee_DlTELKPJaKDhTcab_zlFd4PoEBaY8", "wrong type"),
    ];
    for (name, header, claims, signature, verdict) in vectors {
        assert_eq!(word(&token(header, claims, signature), &keys(&[k1()])), verdict, "{name}");
    }
    // What was refused for what it says was genuine, and would have counted otherwise.
    for (name, claims) in [("J4", &pc), ("J5", &pd), ("J16", &pe), ("J17", &pf), ("J18", &pg), ("J19", &ph)] {
        let vector = vectors.iter().find(|vector| vector.0 == name).unwrap();
        assert_eq!(genuine(HA, claims), token(HA, claims, vector.3), "{name}");
    }
    assert_eq!(genuine(HF, PA), token(HF, PA, vectors[10].3), "J11");
    assert_eq!(genuine(HH, PA), token(HH, PA, vectors[12].3), "J13");
}

#[test]
fn t71_j21_to_j24_with_a_second_key_of_another_kind() {
    let both = keys(&[k1(), e1()]);
    let vectors = [
        ("J21", HI, J21, "valid"),
        ("J22", HJ, "SVvpkO_mE9yx37Ns3K8k2_wFN93_9eWu5oeNF6nbxh0", "algorithm not allowed"),
        ("J23", HJ, "MH76WxsZ7hSinCqHrIq1sc9xXXKWMrpIOq8DgShXWY8", "algorithm not allowed"),
        ("J24", HI, "jLPNdivTctexUJMcsfdt_rIzB37-cwJZcb4jmZhUvQw", "bad signature"),
        ("J6 with both keys", HB, "", "unknown key"),
        ("J1 with both keys", HA, J1, "valid"),
    ];
    for (name, header, signature, verdict) in vectors {
        assert_eq!(word(&token(header, PA, signature), &both), verdict, "{name}");
    }
}

#[test]
fn t72_the_leeway_is_exact() {
    let (one, j1) = (keys(&[k1()]), token(HA, PA, J1));
    for (now, verdict) in [
        (1_767_226_319.0, None),
        (1_767_226_320.0, Some(Verdict::Expired)),
        (1_767_225_480.0, None),
        (1_767_225_479.0, Some(Verdict::NotValidYet)),
    ] {
        assert_eq!(judged(&j1, &one, &at(now)).err(), verdict, "{now}");
    }
}

#[test]
fn t72_without_a_key_every_token_is_of_an_unknown_one() {
    for (header, signature) in [(HA, J1), (HB, ""), (HI, J21)] {
        assert_eq!(word(&token(header, PA, signature), &Keys::default()), "unknown key");
    }
}

#[test]
fn t72_a_key_of_31_bytes_is_refused_when_it_is_loaded() {
    let key = |alg, bytes: usize| Key::new("k", alg, &encode_url(&vec![7; bytes]), None);
    for (alg, bytes, fits) in [
        ("HS256", 31, false),
        ("HS256", 32, true),
        ("HS256", 1024, true),
        ("HS256", 1025, false),
        ("EdDSA", 31, false),
        ("EdDSA", 32, true),
        ("EdDSA", 33, false),
    ] {
        assert_eq!(key(alg, bytes).is_ok(), fits, "{alg} {bytes}");
    }
    assert_eq!(
        key("HS256", 31).unwrap_err().to_string(),
        "key k: `key` has 31 bytes, HS256 wants 32 or more"
    );
    for alg in ["none", "HS384", "HS512", "hs256", "RS256", ""] {
        assert_eq!(key(alg, 32), Err(BadKey::Algorithm("k".into())), "{alg}");
    }
    for text in [format!("{E1}="), E1.replace('_', "/"), E1.replace("URo", "URp"), format!("{E1}\n")] {
        assert_eq!(Key::new("e", "EdDSA", &text, None), Err(BadKey::Form("e".into())), "{text}");
    }
    for kid in ["", "a b", "a\n", "\u{e9}", &"x".repeat(129)] {
        assert_eq!(Key::new(kid, "EdDSA", E1, None), Err(BadKey::Kid), "{kid:?}");
    }
    assert_eq!(Keys::new(vec![k1(), e1(), k1()]), Err(BadKey::Twice("k1".into())));
}

#[test]
fn t53_the_request_is_j20_to_the_last_byte() {
    let request = Request {
        service: SERVICE,
        device: DEVICE,
        id: "r-0001",
        now: clock(1_767_225_600.5),
        local_address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10))),
    };
    let Secret(written) = request.token(&k1()).unwrap();
    assert_eq!(written, token(HK, PR, "GbivFrvhyMcee_DlTELKPJaKDhTcab_zlFd4PoEBaY8"));
    let Secret(without) = Request { local_address: None, ..request.clone() }.token(&k1()).unwrap();
    let claims = String::from_utf8(decode_url(without.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(claims, PR.replace(r#","lip":"192.0.2.10""#, ""), "T69");
    assert_eq!(request.token(&e1()), None, "nobody signs with a public key");
    assert_eq!(keys(&[e1(), k1()]).for_requests(clock(NOW)), Some(&k1()));
    assert_eq!(keys(&[e1()]).for_requests(clock(NOW)), None);
}
