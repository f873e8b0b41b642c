//! The HTTP side of a Colophon log.
