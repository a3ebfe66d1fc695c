//! A web server on loopback for a folder, over http and over TLS: nginx where it is installed, else the tests' own.

use crate::Failure;
use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use support::server::{Authority, Reply, Server};

/// How long nginx may take to start.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// In the clear.
    Http,
    /// TLS, HTTP/1.1.
    Https,
}

impl Scheme {
    /// As URLs have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A running server; ends when dropped.
pub(crate) struct Web {
    serving: Serving,
    roots: PathBuf,
}

enum Serving {
    /// The real thing, with its two ports.
    Nginx { child: Child, file: String, http: u16, https: u16 },
    /// Ours.
    Own { http: Server, https: Server },
}

impl Web {
    /// Serves the files of `folder`; `scratch` is for the server's own files.
    pub(crate) fn serve(folder: &Path, scratch: &Path) -> Result<Self, Failure> {
        Self::with(folder, scratch, "")
    }

    /// The same, from a server that has nothing on its way which a line behind it has not taken: so it can be missed.
    pub(crate) fn without_buffers(folder: &Path, scratch: &Path) -> Result<Self, Failure> {
        Self::with(folder, scratch, " sndbuf=32k")
    }

    fn with(folder: &Path, scratch: &Path, listen: &str) -> Result<Self, Failure> {
        let authority = Authority::new("Benches")?;
        let roots = scratch.join("roots.pem");
        authority.write_pem(&roots)?;
        let serving = match nginx(folder, scratch, listen, &authority) {
            Ok(nginx) => nginx,
            Err(why) => {
                eprintln!("nginx cannot be used ({why}); serving with the tests' server");
                own(folder, &authority)?
            }
        };
        Ok(Self { serving, roots })
    }

    /// Which server it is.
    pub(crate) fn name(&self) -> &'static str {
        match &self.serving {
            Serving::Nginx { .. } => "nginx",
            Serving::Own { .. } => "the tests' server",
        }
    }

    /// The certificate to be trusted for https.
    pub(crate) fn roots(&self) -> &Path {
        &self.roots
    }

    /// The URL of a file.
    pub(crate) fn url(&self, scheme: Scheme, name: &str) -> String {
        format!("{}://{}/{name}", scheme.name(), self.authority(scheme))
    }

    /// Address and port.
    pub(crate) fn authority(&self, scheme: Scheme) -> String {
        let port = match (&self.serving, scheme) {
            (Serving::Nginx { http, .. }, Scheme::Http) => *http,
            (Serving::Nginx { https, .. }, Scheme::Https) => *https,
            (Serving::Own { http, .. }, Scheme::Http) => http.address().port(),
            (Serving::Own { https, .. }, Scheme::Https) => https.address().port(),
        };
        format!("127.0.0.1:{port}")
    }

    /// Ends the server in the middle of what it does, and starts it again after `pause`, which is waited for.
    ///
    /// # Errors
    /// When it is not nginx, or cannot be started again.
    pub(crate) fn away(&mut self, pause: Duration) -> Result<(), Failure> {
        let Serving::Nginx { child, file, .. } = &mut self.serving else {
            return Err("only nginx can go away and come back".into());
        };
        child.kill()?;
        child.wait()?;
        thread::sleep(pause);
        *child = start_nginx(file)?;
        Ok(())
    }

    /// Serves one more file of its folder.
    pub(crate) fn add(&self, path: &Path) {
        if let Serving::Own { http, https } = &self.serving {
            offer([http, https], path);
        }
    }
}

fn nginx(folder: &Path, scratch: &Path, listen: &str, authority: &Authority) -> Result<Serving, Failure> {
    let (http, https) = (free_port()?, free_port()?);
    let (certificate, key) = authority.server_pem(&["127.0.0.1"])?;
    fs::write(scratch.join("server.pem"), certificate)?;
    fs::write(scratch.join("server.key"), key)?;
    let (folder, scratch) = (folder.display(), scratch.display());
    let configuration = format!(
        "daemon off; master_process off; pid {scratch}/pid; error_log {scratch}/error.log;\n\
         worker_rlimit_nofile 16384;\n events {{ worker_connections 8192; }}\n\
         http {{\n access_log off; sendfile on; tcp_nopush on;\n client_body_temp_path {scratch}/b;\n \
         proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f; uwsgi_temp_path {scratch}/u; \
         scgi_temp_path {scratch}/s;\n ssl_certificate {scratch}/server.pem; ssl_certificate_key \
         {scratch}/server.key; ssl_protocols TLSv1.2 TLSv1.3;\n server {{ listen 127.0.0.1:{http}{listen}; \
         listen 127.0.0.1:{https} ssl; root {folder}; }}\n}}\n"
    );
    let file = format!("{scratch}/nginx.conf");
    fs::write(&file, configuration)?;
    let child = start_nginx(&file)?;
    // From here on it ends with this value, however this function ends.
    let serving = Serving::Nginx { child, file, http, https };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", https)).is_err() {
        if begun.elapsed() > PATIENCE {
            return Err("it does not listen".into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(serving)
}

fn start_nginx(file: &str) -> std::io::Result<Child> {
    Command::new("nginx").args(["-c", file]).stderr(Stdio::null()).spawn()
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn own(folder: &Path, authority: &Authority) -> Result<Serving, Failure> {
    let (http, https) = (Server::start()?, Server::start_tls(authority.server(&["127.0.0.1"])?)?);
    for entry in fs::read_dir(folder)? {
        offer([&http, &https], &entry?.path());
    }
    Ok(Serving::Own { http, https })
}

fn offer(servers: [&Server; 2], path: &Path) {
    if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        servers.iter().for_each(|server| server.serve(&format!("/{name}"), [Reply::file(path)]));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Self::Nginx { child, .. } = self {
            // It has nothing to lose.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
