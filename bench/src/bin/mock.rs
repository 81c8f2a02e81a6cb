//! `bench-mock [PORT [ADDRESSES]]`: serves until it is killed; prints its first address once it listens.

use std::error::Error;
use std::io::{self, Write as _};

use libllm_bench::measure;
use libllm_bench::mock::Server;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().map_or(Ok(0), |text| text.parse())?;
    let addresses = args.next().map_or(Ok(1), |text| text.parse())?;
    measure::raise_open_files()?;
    let mut server = Server::bind(port, addresses)?;
    let mut out = io::stdout();
    writeln!(out, "{}", server.address()?)?;
    out.flush()?;
    server.run()?;
    Ok(())
}
