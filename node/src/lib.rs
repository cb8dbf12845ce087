//! One node: store, commands, server.
