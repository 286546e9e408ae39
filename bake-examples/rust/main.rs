// Prints for which processor it was compiled.
fn main() {
    println!("hello from {}", std::env::consts::ARCH);
}
