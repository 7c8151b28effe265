//! Registries with a certificate of an authority of one's own, and registries without TLS, behind a proxy.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use longshore_net::{Authorities, ReqwestTransport, Trust};
use longshore_plugin::PullCheck;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::{
    network::{Server, puller, registry, respond},
    script::{AMD64, credential},
};
use crate::{Access, Puller};

/// Tells this program, run again, where the certificate of the authority is.
const CA_FILE: &str = "LONGSHORE_TEST_CA_FILE";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params =
            CertificateParams::new(vec!["localhost".to_owned(), "registry.test".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A registry with a token server, both with a certificate of this authority.
    fn registry(&self) -> Server {
        registry(Duration::ZERO, Some(self.acceptor()), || {
            respond(200, &[], r#"{"os":"linux","architecture":"amd64"}"#)
        })
    }
}

fn trusting(file: impl Into<std::path::PathBuf>) -> Puller {
    let authorities = Some(Authorities::in_file(file.into()));
    puller().reaching(Access { is_plain: false, authorities })
}

#[tokio::test]
async fn an_authority_is_trusted_for_its_registry_alone() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let server = authority.registry();
    let endpoint = format!("https://localhost:{}", server.address.port());
    let check = async |puller: Puller, image: &str| {
        puller.check(&image.parse().unwrap(), AMD64, Some(&credential()), Some(&endpoint)).await
    };

    let ours = file("ca.pem", &format!("# ours\n{}", authority.0.pem()));
    let proof = check(trusting(&ours), "registry.test/api:1").await.unwrap();
    assert_eq!(proof.platforms, ["linux/amd64"]);

    let other = file("other.pem", &Authority::new().0.pem());
    let (empty, missing) = (file("empty.pem", "nothing"), directory.path().join("missing.pem"));
    let mut text = String::new();
    for puller in [puller()].into_iter().chain([other, empty, missing].map(trusting)) {
        let failure = check(puller, "registry.test/api:1").await.unwrap_err();
        text.push_str(&format!("{:?}: {failure}\n", failure.kind));
    }
    let text = text.replace(&directory.path().display().to_string(), "DIRECTORY");
    insta::assert_snapshot!(text.replace(&format!(":{}/", server.address.port()), ":PORT/"));
}

/// A proxy that leads every `CONNECT` to `server`, and what it was asked.
fn proxy(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let log = seen.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let log = log.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(client.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    log.lock().unwrap().push(head.lines().next().unwrap().to_owned());
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                    let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
    });
    (address, seen)
}

/// The variables of a process cannot be changed safely while it runs: so this runs itself once more, with them.
#[tokio::test]
async fn both_work_through_a_proxy() {
    let plain = "plain.test:5000/api:1".parse().unwrap();
    if let Some(file) = env::var_os(CA_FILE) {
        let image = "registry.test/api:1".parse().unwrap();
        let insecure = puller().reaching(Access { is_plain: true, authorities: None });
        trusting(file).check(&image, AMD64, Some(&credential()), None).await.unwrap();
        insecure.check(&plain, AMD64, Some(&credential()), None).await.unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let file = directory.path().join("ca.pem");
    fs::write(&file, authority.0.pem()).unwrap();
    let secure = authority.registry();
    let (https_proxy, connects) = proxy(secure.address);
    // Requests without TLS go to a proxy as they are: the registry can play it itself.
    let http_proxy =
        registry(Duration::ZERO, None, || respond(200, &[], r#"{"os":"linux","architecture":"amd64"}"#));
    let mut again = Command::new(env::current_exe().unwrap());
    again
        .args(["tests::trust::both_work_through_a_proxy", "--exact", "--nocapture"])
        .env(CA_FILE, &file)
        .env("HTTPS_PROXY", format!("http://{https_proxy}"))
        .env("HTTP_PROXY", format!("http://{}", http_proxy.address));
    for name in ["NO_PROXY", "no_proxy", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy"] {
        again.env_remove(name);
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let connects = connects.lock().unwrap().clone();
    assert!(!connects.is_empty(), "nothing went through the proxy");
    assert!(connects.iter().all(|line| line == "CONNECT registry.test:443 HTTP/1.1"), "{connects:?}");
    assert_eq!(secure.seen().len(), 5, "{:#?}", secure.seen());
    let seen = http_proxy.seen();
    assert_eq!(seen.len(), 5, "{seen:#?}");
    assert!(seen.iter().all(|call| call.contains(" http://plain.test:5000/")), "{seen:#?}");

    let failure = puller().check(&plain, AMD64, Some(&credential()), None).await.unwrap_err();
    assert!(failure.to_string().contains("plain.test:5000"), "{failure}");
}

#[test]
fn a_variable_that_should_name_a_proxy_and_does_not_is_refused() {
    const AGAIN: &str = "LONGSHORE_TEST_AGAIN";
    const VALUE: &str = "http://a:hunter2@proxy example.com";
    if env::var_os(AGAIN).is_some() {
        let pem = Authority::new().0.pem();
        for made in
            [ReqwestTransport::new(), ReqwestTransport::trusting(&Trust::in_pem(pem.as_bytes()).unwrap())]
        {
            let failure = made.map(drop).unwrap_err();
            assert_eq!(failure.at.as_deref(), Some("HTTP_PROXY"), "{failure}");
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure}");
        }
        return;
    }
    let mut again = Command::new(env::current_exe().unwrap());
    let name = "tests::trust::a_variable_that_should_name_a_proxy_and_does_not_is_refused";
    again.args([name, "--exact", "--nocapture"]).env(AGAIN, "1").env("HTTP_PROXY", VALUE);
    again.env_remove("HTTPS_PROXY").env_remove("https_proxy");
    let output = again.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}
