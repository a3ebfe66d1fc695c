//! Lets `dlsym` find the stand-in's symbols in the test programs, as it finds libxpc's on a Mac (P28).

fn main() {
    if std::env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor != "apple") {
        println!("cargo:rustc-link-arg-tests=-rdynamic");
    }
}
