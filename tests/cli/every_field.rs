//! Every text field of every request of every service, filled with canaries, in
//! good requests and in bad ones, and then everything that the server wrote. The
//! fields are those of the descriptors, so that one that is added is filled too.

use crate::canary::Server;
use crate::support::{Folder, run};
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::collections::{BTreeMap, BTreeSet};
use thresher::server::pb;
use thresher::server::pb::moderate_comment_answer::Outcome;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_reflection::pb::{v1, v1alpha};

/// What every canary holds. The address is one that nobody else writes.
const CANARY: &str = "xyzzy";
const ADDRESS: &str = "203.0.113.77";

/// What the fields are filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Filling {
    /// What such a field is meant for.
    Good,
    /// More than any may hold.
    Long,
    /// Signs that have no business there.
    Odd,
    /// Bytes that are no text.
    Broken,
}

const FILLINGS: [Filling; 4] = [Filling::Good, Filling::Long, Filling::Odd, Filling::Broken];

impl Filling {
    fn of(self, field: &str) -> Vec<u8> {
        let good = match field {
            "site" => "news".to_owned(),
            "ip" => ADDRESS.to_owned(),
            "url" | "referrer" => format!("https://{CANARY}.example/{CANARY}"),
            "email_domain" => format!("{CANARY}.example"),
            _ => format!("{CANARY} {field}"),
        };
        match self {
            Filling::Good => good.into_bytes(),
            Filling::Long => CANARY.repeat(2_000).into_bytes(),
            Filling::Odd => format!("{CANARY}\0\n\u{202e}{CANARY}=\"{CANARY}\" {{{CANARY}}}").into_bytes(),
            Filling::Broken => [CANARY.as_bytes(), b"\xff\xfe"].concat(),
        }
    }
}

/// The messages and methods of the services.
struct Api {
    messages: BTreeMap<String, DescriptorProto>,
    /// The path of each, its request, and whether it has many.
    methods: Vec<(String, String, bool)>,
}

impl Api {
    fn read() -> Api {
        let sets = [
            pb::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            v1::FILE_DESCRIPTOR_SET,
            v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let sets = sets.map(FileDescriptorSet::decode);
        let files: Vec<_> = sets.into_iter().flat_map(|set| set.unwrap().file).collect();
        let (mut messages, mut methods) = (BTreeMap::new(), Vec::new());
        for file in &files {
            for message in &file.message_type {
                messages.insert(format!(".{}.{}", file.package(), message.name()), message.clone());
            }
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let many = method.client_streaming();
                    methods.push((path, method.input_type().to_owned(), many));
                }
            }
        }
        Api { messages, methods }
    }

    /// A message with every field, and the names of its texts. With `only`, no
    /// text but that has the filling, and all others are good.
    fn fill(
        &self,
        name: &str,
        filling: Filling,
        only: Option<&str>,
        texts: &mut BTreeSet<String>,
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        // The library writes these by themselves: a time is one, a wrapper is none.
        let Some(message) = self.messages.get(name) else { return b"\x08\x01".to_vec() };
        for field in &message.field {
            let number = u32::try_from(field.number()).unwrap();
            let content = match field.r#type() {
                Type::String => {
                    let path = format!("{}.{}", message.name(), field.name());
                    let is_meant = only.is_none_or(|only| only == path);
                    texts.insert(path);
                    if is_meant { filling } else { Filling::Good }.of(field.name())
                }
                Type::Message => self.fill(field.type_name(), filling, only, texts),
                _ => {
                    prost::encoding::encode_varint(u64::from(number << 3), &mut bytes);
                    bytes.push(1);
                    continue;
                }
            };
            prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut bytes);
            prost::encoding::encode_varint(content.len() as u64, &mut bytes);
            bytes.extend(content);
        }
        bytes
    }
}

/// Bytes as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining()).to_vec()))
    }
}

/// What a call is told: its answers, and the status of one that is refused.
async fn ask(
    channel: &Channel,
    key: &str,
    path: &str,
    message: Vec<u8>,
    many: bool,
) -> (Vec<Vec<u8>>, Option<Status>) {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path: http::uri::PathAndQuery = path.parse().unwrap();
    let authorization = format!("Bearer {key}").parse().unwrap();
    // A watch goes on for ever.
    let takes = if path.as_str().ends_with("/Watch") { 1 } else { 9 };
    let answers = if many || takes == 1 {
        let mut request = Request::new(tokio_stream::iter([message]));
        request.metadata_mut().insert("authorization", authorization);
        grpc.streaming(request, path, Raw).await
    } else {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", authorization);
        grpc.server_streaming(request, path, Raw).await
    };
    let answers = match answers {
        Ok(answers) => answers.into_inner().take(takes).collect::<Vec<_>>().await,
        Err(status) => vec![Err(status)],
    };
    let status = answers.iter().find_map(|answer| answer.as_ref().err().cloned());
    (answers.into_iter().flatten().collect(), status)
}

/// The errors of single comments among the answers.
fn errors(path: &str, answers: &[Vec<u8>]) -> Vec<pb::ModerationError> {
    let answers = answers.iter().flat_map(|bytes| match path.rsplit('/').next() {
        Some("BatchModerateComments") => {
            pb::BatchModerateCommentsResponse::decode(&bytes[..]).unwrap().answers
        }
        Some("StreamModerateComments") => {
            pb::StreamModerateCommentsResponse::decode(&bytes[..]).unwrap().answer.into_iter().collect()
        }
        _ => Vec::new(),
    });
    let errors = answers.filter_map(|answer| match answer.outcome {
        Some(Outcome::Error(error)) => Some(error),
        _ => None,
    });
    errors.collect()
}

/// Rules that look at what is in the fields, remember it and find it in lists.
const POLICY: &str = r#"
[lists.words]
kind = "substrings"
entries = ["text", "title"]
[lists.here]
kind = "networks"
entries = ["203.0.113.0/24"]
[site.default]
[[site.default.rules]]
name = "seen"
when = "repeat.near_count > 1 || repeat.contact_authors > 1 || rate.author_hour > 1 || rate.address_day > 2"
then = "HOLD"
[[site.default.rules]]
name = "listed"
when = "list.words || list.here || author.email_domain == 'a.example' || author.name == 'b' || client.referrer == 'c'"
then = "FLAG"
"#;

#[tokio::test]
async fn no_text_of_any_field_is_written_in_good_requests_or_bad() {
    let folder = Folder::new();
    let file = folder.file("keys.toml");
    let create = |role: &str| {
        run(&["keys", "create", "--site", "*", "--role", role, "--file", &file]).out.trim().to_owned()
    };
    let key = create("admin");
    folder.write("policy.toml", POLICY);
    let candidate = "[site.default]\n[[site.default.rules]]\nname = \"all\"\nwhen = \"score.spam >= 0\"\nthen = \"REJECT\"\n";
    folder.write("shadow.toml", candidate);
    std::fs::create_dir(folder.file("models")).unwrap();
    let config = "listen = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\nlame_duck_ms = 0\n\
         keys.file = \"keys.toml\"\npolicy = \"policy.toml\"\nmodels.directory = \"models\"\n\
         audit.file = \"audit.jsonl\"\nshadow = { policy = \"shadow.toml\", samples = \"samples.jsonl\" }\n\
         limits.max_text_bytes = 5000\nlog = { level = \"trace\", format = \"json\" }\n";
    let server = Server::start(&folder.write("thresher.toml", config));
    let channel = server.channel().await;
    let api = Api::read();
    let (mut told, mut codes, mut calls) = (String::new(), BTreeSet::new(), 0);
    for (path, request, many) in &api.methods {
        let mut texts = BTreeSet::new();
        let good = api.fill(request, Filling::Good, None, &mut texts);
        let (answers, status) = ask(&channel, &key, path, good, *many).await;
        if path.contains("Moderation") {
            assert!(status.is_none() && errors(path, &answers).is_empty(), "{path}: {status:?}");
        }
        // Each field by itself, and all together.
        for only in texts.iter().map(Some).chain([None]) {
            for filling in FILLINGS {
                let message = api.fill(request, filling, only.map(String::as_str), &mut BTreeSet::new());
                let (answers, status) = ask(&channel, &key, path, message, *many).await;
                calls += 1;
                for error in errors(path, &answers) {
                    told.push_str(&format!("{error:?}\n"));
                }
                if let Some(status) = status {
                    codes.insert(format!("{:?}", status.code()));
                    assert_ne!(status.code(), Code::Internal, "{path} {only:?} {filling:?}: {status:?}");
                    told.push_str(&format!("{status:?} {}\n", String::from_utf8_lossy(status.details())));
                }
            }
        }
    }
    assert!(calls > 200 && codes.contains("InvalidArgument") && codes.contains("NotFound"), "{codes:?}");

    // The last call has been logged when the next thing after it has.
    folder.write("keys.toml", "no keys");
    server.writes("the keys stay as they were", 1).await;
    let logged = server.written.lock().unwrap().clone();
    assert!(logged.matches("\"message\":\"close\"").count() >= calls, "{calls} calls were not logged");
    let read = |name: &str| std::fs::read_to_string(folder.file(name)).unwrap();
    let (audit, samples) = (read("audit.jsonl"), read("samples.jsonl"));
    assert!(!audit.is_empty() && samples.lines().count() > 1);
    // A sample names its comment, so that whoever reads it can look it up.
    let nameless = |line: &str| {
        let mut sample: serde_json::Value = serde_json::from_str(line).unwrap();
        sample.as_object_mut().unwrap().remove("comment_id").unwrap();
        sample.to_string()
    };
    let samples: Vec<_> = samples.lines().map(nameless).collect();
    let samples = samples.join("\n");
    let written = [logged, told, server.metrics(), audit, samples].join("\n");
    for canary in [CANARY, ADDRESS, &key[13..29]] {
        let leaked = written.lines().find(|line| line.contains(canary));
        assert_eq!(leaked, None, "{canary} was written");
    }
}
