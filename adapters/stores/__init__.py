"""Where the bytes are: products on disk, committed whole or not at all."""
