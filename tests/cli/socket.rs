//! Sockets that a service manager opens and hands to the server, by the protocol
//! of systemd.

use crate::serve::request;
use crate::support::{Folder, thresher};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;

/// `serve` with the socket as its third file, as a service manager starts it.
fn with_socket(listener: &TcpListener, arguments: &[&str]) -> Command {
    let serve = thresher(&[&["serve"], arguments].concat());
    // The id of the process stays when the shell becomes the server. The socket
    // goes in as the standard input, which is inherited whatever it is.
    let script = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\" 3<&0 </dev/null";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(serve.get_program()).args(serve.get_args());
    shell.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

fn announced(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

fn end(mut child: Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_passed_on_outlasts_the_server() {
    let folder = Folder::new();
    // The socket goes before what the configuration says.
    let config = folder.write("thresher.toml", "listen = \"127.0.0.1:1\"\nlame_duck_ms = 0\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut first = with_socket(&listener, &["--config", &config]).spawn().unwrap();
    assert!(announced(&mut first).starts_with(&format!("listening on {address}, ")));
    let url = format!("http://{address}");
    let mut client = ModerationServiceClient::connect(url.clone()).await.unwrap();
    client.moderate_comment(request("Thank you.")).await.unwrap();
    drop(client);
    end(first);

    // Nobody serves, and nobody is turned away.
    let asked = tokio::spawn(async move {
        let mut client = ModerationServiceClient::connect(url).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
            client.moderate_comment(request("Thank you.")).await?,
        )
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!asked.is_finished(), "somebody answered");
    let mut second = with_socket(&listener, &["--config", &config]).spawn().unwrap();
    announced(&mut second);
    asked.await.unwrap().unwrap();
    end(second);
}

#[test]
fn a_socket_for_other_machines_wants_keys_and_tls_too() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let ran = with_socket(&listener, &[]).spawn().unwrap().wait_with_output().unwrap();
    let told = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(64), "{told}");
    let beginning = format!("error: {} can be reached by other machines", listener.local_addr().unwrap());
    assert!(told.starts_with(&beginning), "{told}");
}

#[test]
fn a_socket_of_another_kind_is_told() {
    let folder = Folder::new();
    let file = folder.write("file", "no socket");
    let mut shell = with_socket(&TcpListener::bind("127.0.0.1:0").unwrap(), &[]);
    let mut child = shell.stdin(std::fs::File::open(file).unwrap()).spawn().unwrap();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(64), "{told}");
    assert!(told.starts_with("error: the socket that was passed on cannot be listened on: "), "{told}");
}
