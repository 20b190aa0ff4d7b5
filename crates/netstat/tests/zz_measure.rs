use netstat::{Lister, OwnerSource, Query};
use std::time::Instant;
#[test]
fn zz() {
    for (name, query) in [("udp", Query::new().udp()), ("tcp", Query::new().tcp())] {
        let query = query.owners(true).owner_source(OwnerSource::Bpf);
        let time = |what: &str| {
            let mut lister = Lister::new();
            for _ in 0..3 {
                lister.snapshot(&query).unwrap();
            }
            let mut best = f64::MAX;
            let mut sum = 0.0;
            for _ in 0..20 {
                let start = Instant::now();
                let s = lister.snapshot(&query).unwrap();
                let t = start.elapsed().as_secs_f64() * 1e3;
                best = best.min(t);
                sum += t;
                if best == t && what == "x" {
                    println!("{:?}", s.gaps);
                }
            }
            println!("{name} {what}: best {best:.2} ms, mean {:.2}", sum / 20.0);
        };
        time("all held");
        let _flight = if name == "udp" {
            socket_world::holders::in_flight(std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into())
        } else {
            socket_world::holders::in_flight(std::net::TcpListener::bind("127.0.0.1:0").unwrap().into())
        }
        .unwrap();
        time("one in flight");
    }
}
