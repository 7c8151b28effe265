//! The comments of a pull request, kept as the APIs of GitHub and GitLab keep them.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// A request that was answered.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    /// The values of the headers that may hold a token.
    pub(super) token: String,
}

#[derive(Debug, Default)]
struct State {
    comments: Vec<Value>,
    asked: Vec<Asked>,
}

/// A server that keeps comments at whatever path. Its thread ends with the test's process.
#[derive(Clone, Debug)]
pub(super) struct Forge {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl Forge {
    /// Starts one, with `others` comments by other authors.
    pub(super) fn start(others: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        for id in 0..others {
            let comment =
                json!({ "id": id, "body": "looks good", "user": { "type": "User" }, "system": false });
            state.lock().unwrap().comments.push(comment);
        }
        let forge = Self { url, state };
        let server = forge.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                server.answer(stream.unwrap());
            }
        });
        forge
    }

    /// The comments that bots wrote.
    pub(super) fn written(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let bots = state.comments.iter().filter(|comment| comment["user"]["type"] == "Bot");
        bots.map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut lines = std::iter::from_fn(|| {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
        });
        let request = lines.next().unwrap();
        let mut words = request.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (mut token, mut length) = (String::new(), 0);
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            match name.to_ascii_lowercase().as_str() {
                "authorization" | "private-token" => value.clone_into(&mut token),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();

        let mut state = self.state.lock().unwrap();
        let answer = state.take(&method, &path, serde_json::from_slice(&body).unwrap_or_default());
        state.asked.push(Asked { method, path, token });
        let (status, answer) = match answer {
            Some(answer) => ("200 OK", answer.to_string()),
            None => ("404 Not Found", r#"{"message":"Not Found"}"#.to_owned()),
        };
        let length = answer.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all((head + &answer).as_bytes()).unwrap();
    }
}

impl State {
    fn take(&mut self, method: &str, path: &str, body: Value) -> Option<Value> {
        match method {
            "GET" => {
                let (_, query) = path.split_once('?')?;
                let page: usize = query.strip_prefix("per_page=100&page=")?.parse().ok()?;
                Some(self.comments.chunks(100).nth(page - 1).unwrap_or_default().into())
            }
            "POST" => {
                let id = self.comments.len();
                let user = json!({ "type": "Bot" });
                self.comments.push(json!({ "id": id, "body": body["body"], "user": user, "system": false }));
                self.comments.last().cloned()
            }
            "PATCH" | "PUT" => {
                let id: usize = path.rsplit('/').next()?.parse().ok()?;
                let comment = self.comments.get_mut(id)?;
                comment["body"] = body["body"].clone();
                Some(comment.clone())
            }
            _ => None,
        }
    }
}
