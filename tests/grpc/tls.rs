use crate::support::*;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{DrainReport, Options, Security, Tls, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// An authority, and what it signs for `localhost`.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key.
    fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// What a client needs to trust it.
    fn trusted(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.pem)).domain_name("localhost")
    }
}

/// The files of a server's certificate.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(authority: &Authority) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.replace(authority);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn replace(&self, authority: &Authority) {
        let (certificate, key) = authority.sign();
        fs::write(self.path("certificate.pem"), certificate).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
    }

    fn names(&self, client_ca: Option<&Authority>) -> TlsFiles {
        if let Some(authority) = client_ca {
            fs::write(self.path("client_ca.pem"), &authority.pem).unwrap();
        }
        TlsFiles {
            certificate: self.path("certificate.pem"),
            key: self.path("key.pem"),
            client_ca: client_ca.map(|_| self.path("client_ca.pem")),
        }
    }

    async fn serve(&self, client_ca: Option<&Authority>, options: Options) -> TestServer {
        let tls = Some(Tls::open(self.names(client_ca)).unwrap());
        TestServer::start_secured(Security { tls, ..Security::default() }, options).await
    }
}

async fn client(
    server: &TestServer,
    tls: ClientTlsConfig,
) -> Result<ModerationServiceClient<Channel>, tonic::transport::Error> {
    let endpoint = Channel::from_shared(format!("https://{}", server.address)).unwrap();
    Ok(ModerationServiceClient::new(endpoint.tls_config(tls)?.connect().await?))
}

/// Whether a call over a connection of its own is answered.
async fn answers(server: &TestServer, tls: ClientTlsConfig) -> bool {
    let Ok(mut client) = client(server, tls).await else { return false };
    client.moderate_comment(comment("c1", "Lovely roses.")).await.is_ok()
}

#[tokio::test]
async fn only_who_speaks_tls_and_trusts_the_authority_is_answered() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = Files::new(&ours).serve(None, options()).await;
    assert!(answers(&server, ours.trusted()).await);
    assert!(!answers(&server, theirs.trusted()).await);
    assert!(!answers(&server, ours.trusted().domain_name("other.example")).await);
    let plain = match server.endpoint().connect().await {
        Ok(channel) => {
            let mut client = ModerationServiceClient::new(channel);
            client.moderate_comment(comment("c1", "Lovely roses.")).await.is_ok()
        }
        Err(_) => false,
    };
    assert!(!plain);
    assert!(answers(&server, ours.trusted()).await);
}

#[tokio::test]
async fn with_mutual_tls_callers_need_a_certificate_of_the_right_authority() {
    let (ours, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let server = Files::new(&ours).serve(Some(&clients), options()).await;
    let with = |authority: &Authority| {
        let (certificate, key) = authority.sign();
        ours.trusted().identity(Identity::from_pem(certificate, key))
    };
    assert!(answers(&server, with(&clients)).await);
    assert!(!answers(&server, ours.trusted()).await);
    assert!(!answers(&server, with(&strangers)).await);
    assert!(!answers(&server, with(&ours)).await);
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old);
    let server = files.serve(None, options()).await;
    let mut open = client(&server, old.trusted()).await.unwrap();

    let key = fs::read(files.path("key.pem")).unwrap();
    fs::write(files.path("key.pem"), "no key").unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(answers(&server, old.trusted()).await);
    fs::write(files.path("key.pem"), key).unwrap();
    #[cfg(target_os = "linux")]
    with_a_pipe_instead(&files.path("key.pem")).await;

    files.replace(&new);
    let noticed = async {
        while !answers(&server, new.trusted()).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(FOR_EVER, noticed).await.expect("the server notices");
    assert!(!answers(&server, old.trusted()).await);
    // What was open goes on.
    open.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
}

#[tokio::test]
async fn peers_that_stay_silent_are_cut_with_tls_and_without() {
    let authority = Authority::new();
    let quick = Options { handshake_timeout: Duration::from_millis(100), ..options() };
    let secured = Files::new(&authority).serve(None, quick.clone()).await;
    let plain = TestServer::start_with(quick).await;
    // What a TLS record and HTTP/2's preface begin with.
    for (server, beginning) in [(&secured, &b"\x16\x03\x01\x02\x00"[..]), (&plain, b"PRI * HTTP/2.0\r\n")] {
        for said in [&b""[..], beginning] {
            let mut silent = TcpStream::connect(server.address).await.unwrap();
            silent.write_all(said).await.unwrap();
            let cut = timeout(FOR_EVER, silent.read_to_end(&mut Vec::new())).await;
            cut.expect("the peer is cut").ok();
        }
    }
    // Who got through may be silent for longer.
    let mut slow = plain.client().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    slow.moderate_comment(comment("c1", "Lovely roses.")).await.unwrap();
}

#[tokio::test]
async fn a_silent_handshake_holds_up_nobody() {
    let authority = Authority::new();
    let patient = Options { handshake_timeout: NEVER, ..options() };
    let mut server = Files::new(&authority).serve(None, patient).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert!(answers(&server, authority.trusted()).await);
    server.stop();
    assert_eq!(server.ended().await, DrainReport::default());
    drop(silent);
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let files = Files::new(&ours);
    let names = files.names(Some(&theirs));
    let told = || Tls::open(names.clone()).unwrap_err().to_string();
    let path = |name: &str| files.path(name).display().to_string();

    let whole = fs::read(files.path("key.pem")).unwrap();
    fs::write(files.path("key.pem"), theirs.sign().1).unwrap();
    assert!(told().starts_with(&format!("{}: cannot be used with the certificate of ", path("key.pem"))));
    fs::write(files.path("key.pem"), "").unwrap();
    assert_eq!(told(), format!("{}: holds no private key in PEM", path("key.pem")));
    fs::write(files.path("key.pem"), whole).unwrap();
    fs::write(files.path("client_ca.pem"), "hello").unwrap();
    assert_eq!(told(), format!("{}: holds no certificate in PEM", path("client_ca.pem")));
    fs::write(files.path("certificate.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(told().starts_with(&format!("{}: ", path("certificate.pem"))));
    fs::remove_file(files.path("certificate.pem")).unwrap();
    assert!(told().starts_with(&format!("{}: cannot be read: ", path("certificate.pem"))));
    assert_eq!(told().lines().count(), 1);
}
