//! Certificates that Go's TLS accepts and refuses.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, date_time_ymd,
};
use rustls::{
    ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    version,
};

use super::*;

const NAME: &str = "registry.test";

/// Certificates that `openssl req -x509` and `openssl x509` made, valid for a hundred years: of an authority, whose key is
/// on the curve, and of a server, signed with the hash.
const PAIRS: [(&str, &str); 6] = [
    ("P-256 with SHA-384", include_str!("fixtures/prime256v1-sha384.pem")),
    ("P-256 with SHA-512", include_str!("fixtures/prime256v1-sha512.pem")),
    ("P-384 with SHA-256", include_str!("fixtures/secp384r1-sha256.pem")),
    ("P-384 with SHA-512", include_str!("fixtures/secp384r1-sha512.pem")),
    ("P-521 with SHA-256", include_str!("fixtures/secp521r1-sha256.pem")),
    ("an authority of version 1", include_str!("fixtures/version-1.pem")),
];

fn server() -> CertificateParams {
    CertificateParams::new(vec![NAME.to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn issuer(params: CertificateParams) -> CertifiedIssuer<'static, KeyPair> {
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Verifies a server's certificate for a name, where `trusted` are the certificates in `ca-file`.
fn verify_for(
    name: ServerName<'_>,
    server: &CertificateDer<'_>,
    trusted: &[&CertificateDer<'_>],
) -> Result<(), String> {
    let trusted: Vec<_> = trusted.iter().map(|certificate| (*certificate).clone().into_owned()).collect();
    let verifier = Verifier::new(&trusted, &aws_lc_rs::default_provider());
    let verified = verifier.verify_server_cert(server, &[], &name, &[], UnixTime::now());
    verified.map(drop).map_err(|error| error.to_string())
}

fn verify(server: &CertificateDer<'_>, trusted: &[&CertificateDer<'_>]) -> Result<(), String> {
    verify_for(NAME.try_into().unwrap(), server, trusted)
}

#[test]
fn trusted_server_certificate_is_its_own_proof() {
    let key = KeyPair::generate().unwrap();
    let elsewhere = issuer(authority());
    let mut marked = server();
    marked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for certificate in [
        marked.self_signed(&key).unwrap(),
        server().self_signed(&key).unwrap(),
        server().signed_by(&key, &elsewhere).unwrap(),
    ] {
        let certificate = certificate.der();
        assert_eq!(verify(certificate, &[certificate]), Ok(()));
        let address = IpAddr::from(Ipv4Addr::LOCALHOST).into();
        assert_eq!(verify_for(address, certificate, &[certificate]), Ok(()));
        assert!(verify(certificate, &[]).unwrap_err().contains("UnknownIssuer"));
        let refused = verify_for("other.test".try_into().unwrap(), certificate, &[certificate]).unwrap_err();
        assert!(refused.contains("not valid for name"), "{refused}");
    }
}

#[test]
fn trusted_server_certificate_must_be_current_and_for_servers() {
    let key = KeyPair::generate().unwrap();
    let (mut old, mut early, mut nameless, mut client) = (server(), server(), authority(), server());
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    old.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    early.not_before = date_time_ymd(4000, 1, 1);
    nameless.distinguished_name.push(rcgen::DnType::CommonName, NAME);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (params, why) in [
        (old, "certificate expired"),
        (early, "not valid yet"),
        (nameless, "not valid for name"),
        (client, "RequiredEkuNotFound"),
    ] {
        let certificate = params.self_signed(&key).unwrap();
        let refused = verify(certificate.der(), &[certificate.der()]).unwrap_err();
        assert!(refused.contains(why), "{why}: {refused}");
    }
}

#[test]
fn authorities_sign_with_every_curve_and_hash() {
    for (what, pem) in PAIRS {
        let Trust(certificates) = Trust::in_pem(pem.as_bytes()).unwrap();
        let [authority, server] = certificates.as_slice() else { panic!("{what}") };
        assert_eq!(verify(server, &[authority]), Ok(()), "{what}");
    }
    for algorithm in [
        &PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ECDSA_P521_SHA384,
        &PKCS_ECDSA_P521_SHA512,
        &PKCS_ED25519,
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let authority = CertifiedIssuer::self_signed(authority(), key).unwrap();
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = server().signed_by(&key, &authority).unwrap();
        assert_eq!(verify(certificate.der(), &[authority.der()]), Ok(()), "{algorithm:?}");
    }
}

#[test]
fn expired_authority_proves_nothing() {
    let mut old = authority();
    (old.not_before, old.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let old_issuer = issuer(old);
    let certificate = server().signed_by(&KeyPair::generate().unwrap(), &old_issuer).unwrap();
    let refused = verify(certificate.der(), &[old_issuer.der()]).unwrap_err();
    assert!(refused.contains("certificate expired"), "{refused}");
    // The same key in a certificate that was renewed.
    let renewed = authority().self_signed(old_issuer.key()).unwrap();
    assert_eq!(verify(certificate.der(), &[old_issuer.der(), renewed.der()]), Ok(()));
}

#[test]
fn trusted_server_certificate_signs_no_other() {
    let own = issuer(server());
    let certificate = server().signed_by(&KeyPair::generate().unwrap(), &own).unwrap();
    let refused = verify(certificate.der(), &[own.der()]).unwrap_err();
    assert!(refused.contains("EndEntityUsedAsCa"), "{refused}");
}

#[test]
fn pem_is_searched_for_certificates_alone() {
    let (one, two) = (issuer(authority()), issuer(authority()));
    let key = KeyPair::generate().unwrap().serialize_pem();
    let garbage = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let damaged = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let request = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
    let text = format!("# ours\n{key}{garbage}{}{damaged}{request}Issuer: x\n{}", one.pem(), two.pem());
    for text in [text.clone(), text.replace('\n', "\r\n")] {
        let Trust(found) = Trust::in_pem(text.as_bytes()).unwrap();
        assert_eq!(found, [one.der().clone(), two.der().clone()]);
    }
    for text in ["", "nothing", garbage, damaged, key.as_str()] {
        assert!(Trust::in_pem(text.as_bytes()).is_none(), "{text}");
    }
}

/// Shakes hands with a server that speaks one version.
fn shake_hands(config: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Result<(), rustls::Error> {
    let mut client = ClientConnection::new(config.clone(), NAME.try_into().unwrap())?;
    let mut server = ServerConnection::new(server.clone())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut sent.as_slice()).unwrap();
        server.process_new_packets()?;
        sent.clear();
        server.write_tls(&mut sent).unwrap();
        client.read_tls(&mut sent.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn server_with_p521_key_is_reached() {
    static VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];
    let authority = issuer(authority());
    let config = Arc::new(Trust(vec![authority.der().clone()]).client_config().unwrap());
    for algorithm in [&PKCS_ECDSA_P521_SHA512, &PKCS_ED25519] {
        for version in VERSIONS {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let certificate = server().signed_by(&key, &authority).unwrap();
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap();
            assert_eq!(shake_hands(&config, &Arc::new(server)), Ok(()), "{algorithm:?} {version:?}");
        }
    }
}
