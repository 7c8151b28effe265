//! Whom the machine trusts decides whether AWS can be reached at all.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::longshore::Project;

const ANSWER: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A server whose certificate is unknown, and which is not AWS. Answers with its URL and the certificate.
fn server(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let cert = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(ANSWER);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (url, cert.pem())
}

/// Runs `lock show` with these variables and a file in the project's directory, and returns its standard error.
fn refusal(endpoint: &str, variables: &[(&str, &str)], (file, content): (&str, &str)) -> String {
    let project = Project::new();
    let path = project.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
    let test = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("SSL_CERT_DIR", "nowhere"),
    ];
    let variables = test.iter().chain(variables);
    let project = variables.fold(project, |project, (name, value)| project.variable(name, value));
    project.longshore(&["lock", "show", "--env", "production"]).code(1).stderr
}

/// The same, where `SSL_CERT_FILE` is `file`.
fn refusal_with(endpoint: &str, file: &str, content: &str) -> String {
    refusal(endpoint, &[("SSL_CERT_FILE", file)], (file, content))
}

#[test]
fn without_certificates_it_says_so_and_with_the_right_one_the_server_is_heard() {
    let (url, certificate) = server("own");
    let nobody = refusal_with(&url, "empty.pem", "");
    let (_, another) = server("another");
    let others = refusal_with(&url, "another.pem", &another);
    insta::with_settings!({filters => vec![(r"localhost:\d+", "[endpoint]")]}, {
        insta::assert_snapshot!(format!("{nobody}\n{others}"));
    });
    let heard = refusal_with(&url, "own.pem", &certificate);
    assert!(heard.contains("HTTP 403"), "{heard}");
}

#[test]
fn what_is_reached_without_tls_needs_no_certificates() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(ANSWER);
        }
    });
    let heard = refusal_with(&url, "empty.pem", "");
    assert!(heard.contains("HTTP 403"), "{heard}");
}

#[test]
fn aws_ca_bundle_replaces_the_system_certificates() {
    let (url, own) = server("own");
    let (other_url, other) = server("another");
    let bundle = [("AWS_CA_BUNDLE", "bundle.pem")];
    let heard = refusal(&url, &bundle, ("bundle.pem", &format!("# ours\n{own}{other}")));
    assert!(heard.contains("HTTP 403"), "{heard}");
    let directory = tempfile::tempdir().unwrap();
    let system = directory.path().join("system.pem");
    fs::write(&system, other).unwrap();
    let replaced = [("AWS_CA_BUNDLE", "bundle.pem"), ("SSL_CERT_FILE", system.to_str().unwrap())];
    let refused = refusal(&other_url, &replaced, ("bundle.pem", &own));
    assert!(refused.contains("UnknownIssuer") && refused.contains("AWS_CA_BUNDLE"), "{refused}");

    let missing = refusal(&url, &[("AWS_CA_BUNDLE", "missing.pem")], ("other.pem", ""));
    assert!(missing.contains("AWS_CA_BUNDLE") && missing.contains("missing.pem cannot be read"), "{missing}");
    let empty = refusal(&url, &bundle, ("bundle.pem", "-----BEGIN PRIVATE KEY-----"));
    assert!(empty.contains("there is no certificate in PEM format"), "{empty}");
}

#[test]
fn ca_bundle_of_the_profile_is_trusted() {
    let (url, own) = server("own");
    let config = [("AWS_CONFIG_FILE", "aws-config"), ("SSL_CERT_FILE", "nowhere"), ("AWS_PROFILE", "acme")];
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("bundle.pem");
    fs::write(&bundle, own).unwrap();
    let profile = format!("[profile acme]\nca_bundle = {}\n", bundle.display());
    let heard = refusal(&url, &config, ("aws-config", &profile));
    assert!(heard.contains("HTTP 403"), "{heard}");
    // The variable goes before the profile.
    let variables = [&config[..], &[("AWS_CA_BUNDLE", "missing.pem")]].concat();
    let refused = refusal(&url, &variables, ("aws-config", &profile));
    assert!(refused.contains("missing.pem cannot be read"), "{refused}");
}
