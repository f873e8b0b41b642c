//! The `colophon` program as a library, so that tests and the binary run the same code.
