"""Generated protobuf messages; see bk.proto."""
