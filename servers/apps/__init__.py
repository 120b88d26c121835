"""Programs: trees in and out, checksums, listings, an interactive console."""
