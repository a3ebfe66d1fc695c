//! A web server on loopback for a folder: nginx where it is installed, else the tests' own.

use crate::Failure;
use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use support::server::{Reply, Server};

/// How long nginx may take to start.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running server; ends when dropped.
pub(crate) enum Web {
    /// The real thing.
    Nginx(Child, u16),
    /// Ours.
    Own(Server),
}

impl Web {
    /// Serves the files of `folder`; `scratch` is for the server's own files.
    pub(crate) fn serve(folder: &Path, scratch: &Path) -> Result<Self, Failure> {
        match Self::nginx(folder, scratch) {
            Ok(nginx) => Ok(nginx),
            Err(why) => {
                eprintln!("nginx cannot be used ({why}); serving with the tests' server");
                Self::own(folder)
            }
        }
    }

    /// Which server it is.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Nginx(..) => "nginx",
            Self::Own(_) => "the tests' server",
        }
    }

    /// The URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        match self {
            Self::Nginx(_, port) => format!("http://127.0.0.1:{port}/{name}"),
            Self::Own(server) => server.url(&format!("/{name}")),
        }
    }

    /// Serves one more file of its folder.
    pub(crate) fn add(&self, path: &Path) {
        if let (Self::Own(server), Some(name)) = (self, path.file_name().and_then(|name| name.to_str())) {
            server.serve(&format!("/{name}"), [Reply::file(path)]);
        }
    }

    fn nginx(folder: &Path, scratch: &Path) -> Result<Self, Failure> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (folder, scratch) = (folder.display(), scratch.display());
        let configuration = format!(
            "daemon off; master_process off; pid {scratch}/pid; error_log {scratch}/error.log;\n\
             events {{}}\n\
             http {{\n access_log off; sendfile on; tcp_nopush on;\n client_body_temp_path {scratch}/b;\n \
             proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f; uwsgi_temp_path {scratch}/u; \
             scgi_temp_path {scratch}/s;\n server {{ listen 127.0.0.1:{port}; root {folder}; }}\n}}\n"
        );
        let file = format!("{scratch}/nginx.conf");
        fs::write(&file, configuration)?;
        let child = Command::new("nginx").args(["-c", &file]).stderr(Stdio::null()).spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err("it does not listen".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self::Nginx(child, port))
    }

    fn own(folder: &Path) -> Result<Self, Failure> {
        let web = Self::Own(Server::start()?);
        for entry in fs::read_dir(folder)? {
            web.add(&entry?.path());
        }
        Ok(web)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Self::Nginx(child, _) = self {
            // It has nothing to lose.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
