//! `netstat-contender contender NAME PORT`: one call, as `bench contender NAME PORT` makes it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netstat-contender: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> netstat_contender::Result<()> {
    let [word, name, port] = arguments else { return Err("this program is for the bench".into()) };
    let call = netstat_contender::calls::named(name).filter(|_| word == "contender");
    netstat_contender::run(call.ok_or("there is no such call")?, port.parse()?)
}
