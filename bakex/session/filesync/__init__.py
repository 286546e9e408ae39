"""Directory trees over a stream of packets (fsutil), in both directions."""
