//! A TURN server, coturn, on a loopback address of its own.

use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::LIMIT;

/// Whom the server lets in.
pub const USERNAME: &str = "dog";
pub const CREDENTIAL: &str = "a credential that nobody may see";

/// A running server; ends when dropped.
pub struct Turn {
    process: Child,
    address: SocketAddr,
    /// What it keeps.
    _room: Room,
}

struct Room(std::path::PathBuf);

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Turn {
    /// Starts one, or tells why not. Where GO2_TEST_ALL is set, as in CI, not having it is a failure.
    pub async fn start() -> Option<Self> {
        let address = SocketAddr::new(super::address(), 3478);
        let room = Room(std::env::temp_dir().join(format!("go2-turn-{}", address.ip())));
        std::fs::create_dir_all(&room.0).unwrap();
        let ip = address.ip().to_string();
        let user = format!("{USERNAME}:{CREDENTIAL}");
        let mut command = Command::new("turnserver");
        command.args([
            "-n",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--no-tcp",
            "--allow-loopback-peers",
        ]);
        command.args(["--lt-cred-mech", "--realm", "test", "--user", &user]);
        command.args(["--listening-ip", &ip, "--relay-ip", &ip, "--log-file", "stdout"]);
        command.arg("--pidfile").arg(room.0.join("pid")).arg("--userdb").arg(room.0.join("users"));
        let process = match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(process) => process,
            Err(error) => {
                let needed = std::env::var_os("GO2_TEST_ALL").is_some();
                assert!(!needed, "turnserver does not start: {error}; install coturn");
                eprintln!("left out: turnserver does not start ({error}); Debian has it as coturn");
                return None;
            }
        };
        let server = Self { process, address, _room: room };
        server.wait().await;
        Some(server)
    }

    /// Waits until it answers a STUN request.
    async fn wait(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.resize(20, 7);
        let mut buffer = [0; 500];
        let answered = async {
            loop {
                let _ = socket.send_to(&request, self.address).await;
                let answer = socket.recv_from(&mut buffer);
                if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(50), answer).await {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, answered).await.expect("the TURN server does not answer");
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("turn:{}", self.address)
    }

    /// The address that it relays from.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
