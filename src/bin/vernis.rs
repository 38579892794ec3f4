//! The program.

fn main() -> std::process::ExitCode {
    vernis::cli::main()
}
