//! A log's server inside of this process: for `log serve`, for the demo, and for reading a log's folder.
//!
//! `--dir LOG` reads a log through its server like everybody else: the one that runs already, if one does (its address is
//! in `LOG/serving.json`), else one that is started on the loopback interface for the time of the command. So there is
//! one way of reading, and the one that is tested most.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use ledger::Code;
use ledger::log::{self, Log, SystemClock};
use server::{App, Options, serve};
use tokio::sync::oneshot;

use crate::failure::{CliError, Result};
use crate::logdir::{LogDir, Serving};
use crate::refusal;

/// A server that runs in threads of its own.
#[derive(Debug)]
pub(crate) struct Running {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<ledger::Result<()>>>,
    log: Arc<Log>,
    serving: Option<Serving>,
}

/// Any port of the loopback interface that is free.
pub(crate) const ANY_LOOPBACK: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

impl Running {
    /// Opens the log and serves it at `listen`; with port 0 the system chooses one.
    pub(crate) fn start(dir: &LogDir, listen: SocketAddr) -> Result<Self> {
        Self::start_behind(dir, listen, Vec::new())
    }

    /// The same behind proxies, whose word about addresses is taken.
    pub(crate) fn start_behind(dir: &LogDir, listen: SocketAddr, proxies: Vec<IpAddr>) -> Result<Self> {
        let log = open_log(dir)?;
        let public_url = dir.config().public_url.clone();
        let (address, told) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let mut options = Options { public_url, ..Options::default() };
        options.limits.proxies = proxies;
        let app = App::new(Arc::clone(&log), options);
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || run(listen, app, &address, stopped))
            .map_err(|source| CliError::new(Code::Internal, source.to_string()))?;
        let bound = match told.recv() {
            Ok(bound) => bound.map_err(|source| cannot_listen(dir, listen, &source)),
            Err(_) => Err(CliError::new(Code::Internal, "the server did not start")),
        };
        let mut running = Self { url: String::new(), stop: Some(stop), thread: Some(thread), log, serving: None };
        match bound {
            Ok(address) => {
                running.url = format!("http://{address}");
                // A note for others; a full disk that does not take it is no reason not to serve.
                running.serving = dir.serving(&running.url).ok();
                Ok(running)
            }
            Err(error) => {
                let _ = running.stop();
                Err(error)
            }
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The log that it serves.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Stops it: requests in progress are finished, the log is closed.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.end()
    }

    /// Waits until somebody stops the process (SIGTERM, SIGINT) or the log must stop.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let runtime = runtime()?;
        let mut fatal = self.log.subscribe_fatal();
        let waited = runtime.block_on(async {
            tokio::select! {
                signal = serve::stop_signal() => signal,
                _ = fatal.wait_for(Option::is_some) => Ok(()),
            }
        });
        waited.map_err(|source| CliError::new(Code::Internal, source.to_string()))?;
        self.stop()
    }

    fn end(&mut self) -> Result<()> {
        let served = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(served)) => served,
            Some(Err(_)) => Err(ledger::Error::new(Code::Internal, "the server panicked")),
            None => return Ok(()),
        };
        let closed = self.log.close();
        self.serving = None;
        served.and(closed).map_err(CliError::from)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know how it went calls `stop` first; a second call finds no thread.
        let _ = self.stop();
    }
}

/// Opens a log, and says of every refusal which command mends it.
pub(crate) fn open_log(dir: &LogDir) -> Result<Arc<Log>> {
    let opened = log::open(dir.options()?, Arc::new(SystemClock::default()));
    opened.map(Arc::new).map_err(|error| refusal::mended(dir, error))
}

fn run(
    listen: SocketAddr,
    app: Arc<App>,
    address: &std::sync::mpsc::SyncSender<std::io::Result<SocketAddr>>,
    stopped: oneshot::Receiver<()>,
) -> ledger::Result<()> {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = address.send(Err(std::io::Error::other(error.to_string())));
            return Ok(());
        }
    };
    runtime.block_on(async {
        let listener = match serve::bind(listen).and_then(|listener| listener.local_addr().map(|at| (listener, at))) {
            Ok((listener, at)) => {
                let _ = address.send(Ok(at));
                listener
            }
            Err(source) => {
                let _ = address.send(Err(source));
                return Ok(());
            }
        };
        serve::serve(listener, app, async {
            // The sender is dropped without a word only when the process ends anyway.
            let _ = stopped.await;
        })
        .await
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::new(Code::Internal, source.to_string()))
}

fn cannot_listen(dir: &LogDir, listen: SocketAddr, source: &std::io::Error) -> CliError {
    // An address of another machine is mended by one of this.
    let ip = if source.kind() == std::io::ErrorKind::AddrNotAvailable { ANY_LOOPBACK.ip() } else { listen.ip() };
    CliError::usage(format!("cannot listen on {listen}: {source}"))
        .at(listen.to_string())
        .hint(refusal::another_port(dir.path(), ip))
}
