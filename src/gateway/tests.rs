//! A device's network at one end of a line, a server at the other.

use std::time::Duration;

use hearth_device::sntp;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{HardwareAddress, IpCidr, Ipv4Address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::stack::Wire;
use super::*;

const WITHIN: Duration = Duration::from_secs(10);
const SERVER: Ipv4Address = Ipv4Address::new(10, 9, 0, 1);

/// A board: a network stack behind a line.
struct Board {
    line: TcpStream,
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
    udp: SocketHandle,
    started: Instant,
    text: Vec<u8>,
}

impl Board {
    async fn on(lines: &LineAddress) -> Box<Self> {
        let LineAddress::Listen(at) = lines else { panic!("not listening") };
        let line = TcpStream::connect(at).await.unwrap();
        let mut wire = Wire::default();
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wire, Moment::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(Ipv4Address::new(10, 9, 0, 2).into(), 30)).unwrap();
        });
        let bytes = || vec![0; 2048];
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || tcp::SocketBuffer::new(bytes());
        let tcp = sockets.add(tcp::Socket::new(buffer(), buffer()));
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 2], bytes());
        let udp = sockets.add(udp::Socket::new(buffer(), buffer()));
        let started = Instant::now();
        let text = Vec::new();
        Box::new(Self { line, wire, interface, sockets, tcp, udp, started, text })
    }

    fn tcp(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.tcp)
    }

    fn udp(&mut self) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(self.udp)
    }

    fn call(&mut self, port: u16) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.tcp);
        socket.connect(self.interface.context(), (SERVER, port), 50_000).unwrap();
    }

    /// Lets the network run until `done` has an answer.
    async fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let mut bytes = [0; 512];
        let run = async {
            loop {
                let now =
                    Moment::from_micros(i64::try_from(self.started.elapsed().as_micros()).unwrap());
                self.interface.poll(now, &mut self.wire, &mut self.sockets);
                let out = self.wire.take_out();
                self.line.write_all(&out).await.unwrap();
                if let Some(answer) = done(self) {
                    return answer;
                }
                let read = timeout(Duration::from_millis(5), self.line.read(&mut bytes)).await;
                if let Ok(Ok(count)) = read {
                    self.text.extend_from_slice(&bytes[..count]);
                    self.wire.read(&bytes[..count]);
                }
            }
        };
        timeout(WITHIN, run).await.expect("in time")
    }
}

/// A gateway between a line and a server, for as long as `test` runs.
async fn between(server: String, provision: Option<&str>, test: impl AsyncFnOnce(&LineAddress)) {
    let lines = Lines::at("listen:127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = lines.address().clone();
    let settings = Settings { server, provision: provision.map(str::to_owned) };
    tokio::select! {
        ended = run(lines, settings) => panic!("gateway ended: {ended:?}"),
        () = test(&address) => {}
    }
}

#[tokio::test]
async fn a_device_on_a_line_talks_to_the_server() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    between(server.local_addr().unwrap().to_string(), None, async |line| {
        let mut board = Board::on(line).await;
        board.call(1883);
        let long = vec![0xc0; 1_500]; // every byte escaped, more than a packet
        let mut left = &long[..];
        board
            .until(|board| {
                if board.tcp().can_send() {
                    let sent = board.tcp().send_slice(left).unwrap();
                    left = &left[sent..];
                }
                left.is_empty().then_some(())
            })
            .await;
        let (mut caller, _) = server.accept().await.unwrap();
        let mut heard = vec![0; long.len()];
        tokio::select! {
            read = caller.read_exact(&mut heard) => drop(read.unwrap()),
            () = board.until(|_| None) => {}
        }
        assert_eq!(heard, long);
        caller.write_all(b"good night").await.unwrap();
        drop(caller);
        let mut answer = Vec::new();
        board
            .until(|board| {
                let tcp = board.tcp();
                if tcp.can_recv() {
                    tcp.recv(|bytes| (bytes.len(), answer.extend_from_slice(bytes))).unwrap();
                }
                (!tcp.may_recv()).then_some(())
            })
            .await;
        assert_eq!(answer, b"good night", "and the end of it is the end for the device too");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_refusal_at_once() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    between(gone.to_string(), None, async |line| {
        let mut board = Board::on(line).await;
        board.call(1883);
        board.until(|board| (!board.tcp().is_open()).then_some(())).await;
    })
    .await;
}

#[tokio::test]
async fn a_device_reaches_nothing_but_the_server() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    between(server.local_addr().unwrap().to_string(), None, async |line| {
        let mut board = Board::on(line).await;
        board.call(80);
        board.until(|board| (!board.tcp().is_open()).then_some(())).await;
    })
    .await;
}

#[tokio::test]
async fn a_device_is_told_the_time_of_day() {
    between("127.0.0.1:1".to_owned(), None, async |line| {
        let mut board = Board::on(line).await;
        board.udp().bind(sntp::PORT).unwrap();
        board.udp().send_slice(&sntp::ask(42), (SERVER, sntp::PORT)).unwrap();
        let told = board
            .until(|board| {
                let (answer, _) = board.udp().recv().ok()?;
                sntp::told(answer, 42)
            })
            .await;
        assert!(told.abs_diff(unix_ms()) < 10_000);
    })
    .await;
}

#[tokio::test]
async fn a_new_device_is_told_who_it_is_until_it_says_so() {
    between("127.0.0.1:1".to_owned(), Some("42 secret"), async |line| {
        let mut board = Board::on(line).await;
        let order = b"\nhearth 42 secret 10.9.0.1:1883\n";
        let times =
            |board: &Board| board.text.windows(order.len()).filter(|part| part == order).count();
        board.until(|board| (times(board) >= 2).then_some(())).await;
        board.line.write_all(b"hearth: set up\r\n").await.unwrap();
        sleep(Duration::from_millis(100)).await;
        let so_far = times(&board);
        let quiet = timeout(Duration::from_millis(1_200), board.until(|_| None::<()>)).await;
        assert!(quiet.is_err());
        assert!(times(&board) <= so_far + 1);
    })
    .await;
}
